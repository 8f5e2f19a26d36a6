import EventLoop
import Foundation
import OCI
import OpenSSL
import TestSupport
import Testing

extension Robustness {
    /// Memory is bounded by settings, not by what clients send or read.
    @Suite struct MemoryTests {
        private static let clients = 64
        /// Of an upload. `STOWAGE_TEST_FULL=1` makes it 256 MiB, which takes 16 GiB of disk and some minutes.
        private static let uploadSize =
            ProcessInfo.processInfo.environment["STOWAGE_TEST_FULL"] == "1" ? 256 << 20 : 64 << 20
        private static let downloadSize = 256 << 20
        /// What the server may take at most: half a megabyte for each transfer, and 64 MiB for all the rest.
        private static let limit = 64 << 20 + clients * (512 << 10)
        /// How much more than before the server may keep when all is over.
        private static let remainder = 24 << 20
        /// Content repeats it.
        private static let block = sampleBytes(1 << 20)

        @Test(.timeLimit(.minutes(10)))
        func sixtyFourUploadsAtOnce() async throws {
            try await withRobustServer { server in
                let idle = try await warm(server)
                let bodies = Self.bodies(size: Self.uploadSize)
                try await Self.concurrently { index in
                    let (digest, tail) = bodies[index]
                    try Self.upload(server, Form.allCases[index % Form.allCases.count], digest, tail)
                }
                try await expectBounded(server, idle, "uploads")
                for (digest, _) in bodies {
                    let head = try await server.client.expect(200, "HEAD", "/v2/app/blobs/\(digest)")
                    #expect(head["Content-Length"] == "\(Self.uploadSize)")
                }
                for (digest, _) in bodies.prefix(Form.allCases.count) {
                    #expect(try Self.download(server, digest, size: Self.uploadSize, hashing: true) == digest)
                }
            }
        }

        @Test(.timeLimit(.minutes(10)))
        func sixtyFourDownloadsAtOnce() async throws {
            try await withRobustServer { server in
                let (digest, tail) = Self.bodies(size: Self.downloadSize)[0]
                try Self.upload(server, .put, digest, tail, size: Self.downloadSize)
                let idle = try await warm(server)
                try server.process.forgetPeakMemory()
                try await Self.concurrently { index in
                    let got = try Self.download(server, digest, size: Self.downloadSize, hashing: index == 0)
                    #expect(got == nil || got == digest)
                }
                try await expectBounded(server, idle, "downloads")
            }
        }

        // MARK: Bounds

        /// Memory after the first requests: what a server that has done something has.
        private func warm(_ server: ServerProcess) async throws -> Int {
            for index in 0..<100 { try await server.client.push(Content("layer \(index)"), to: "app") }
            return try server.process.residentMemory()
        }

        private func expectBounded(_ server: ServerProcess, _ idle: Int, _ name: String) async throws {
            let peak = try server.process.peakMemory()
            #expect(peak < Self.limit, "\(peak >> 20) MiB")
            // Threads of the pool for blocking work end some seconds after their last work, with their stacks.
            try await eventually(timeout: 30) { try server.process.residentMemory() < idle + Self.remainder }
            let rest = try server.process.residentMemory()
            print("memory of \(name): \(idle >> 20) MiB before, \(peak >> 20) MiB at most, \(rest >> 20) MiB after")
        }

        // MARK: Transfers

        private enum Form: CaseIterable {
            case post, put, patch, chunkedPatch
        }

        private static func concurrently(_ body: @escaping @Sendable (Int) throws -> Void) async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<clients {
                    group.addTask { try await OwnThread.run { try body(index) } }
                }
                try await group.waitForAll()
            }
        }

        /// Digests of bodies that differ in their last block, of which only that one is hashed for each.
        private static func bodies(size: Int) -> [(digest: Digest, tail: [UInt8])] {
            var common = SHA256()
            for _ in 1..<size / block.count { common.update(block.span.bytes) }
            return (0..<clients).map { index in
                let tail = sampleBytes(block.count, seed: index + 1)
                var hash = common
                hash.update(tail.span.bytes)
                return (Digest(algorithm: .sha256, bytes: hash.finalized()), tail)
            }
        }

        private static func upload(
            _ server: ServerProcess, _ form: Form, _ digest: Digest, _ tail: [UInt8], size: Int = uploadSize
        ) throws {
            let client = try server.connect(timeout: 240)
            if form == .post {
                _ = try send(
                    client, "POST /v2/app/blobs/uploads/?digest=\(digest)", tail, size, isChunked: false, status: 201)
                return
            }
            let begun = try client.request("POST", "/v2/app/blobs/uploads/", body: [])
            let location = try #require(begun["Location"])
            if form == .put {
                _ = try send(client, "PUT \(location.closing(digest))", tail, size, isChunked: false, status: 201)
                return
            }
            let next = try send(client, "PATCH \(location)", tail, size, isChunked: form == .chunkedPatch, status: 202)
            let closed = try client.request("PUT", next.closing(digest), body: [])
            try #require(closed.status == 201, "\(closed.text)")
        }

        /// Returns the answer's Location.

        private static func send(
            _ client: RawHTTPClient, _ request: String, _ tail: [UInt8], _ size: Int, isChunked: Bool, status: Int
        ) throws -> String {
            let framing = isChunked ? "Transfer-Encoding: chunked" : "Content-Length: \(size)"
            try client.send("\(request) HTTP/1.1\r\nHost: test\r\n\(framing)\r\n\r\n")
            for index in 1...size / block.count {
                if isChunked { try client.send("\(String(block.count, radix: 16))\r\n") }
                try client.send(index == size / block.count ? tail : block)
                if isChunked { try client.send("\r\n") }
            }
            if isChunked { try client.send("0\r\n\r\n") }
            let response = try client.readResponse()
            try #require(response.status == status, "\(response.text)")
            return try #require(response["Location"])
        }

        /// Pulls a blob; its digest if it is hashed.
        private static func download(
            _ server: ServerProcess, _ digest: Digest, size: Int, hashing: Bool
        ) throws -> Digest? {
            let client = try server.connect(timeout: 240)
            try client.send("GET /v2/app/blobs/\(digest) HTTP/1.1\r\nHost: test\r\n\r\n")
            let head = try client.readHead()
            try #require(head.status == 200 && head["Content-Length"] == "\(size)")
            guard hashing else {
                try client.discard(size)
                return nil
            }
            var hash = SHA256()
            var left = size
            while left > 0 {
                let piece = try client.receive(atMost: left)
                try #require(!piece.isEmpty)
                hash.update(piece.span.bytes)
                left -= piece.count
            }
            return Digest(algorithm: .sha256, bytes: hash.finalized())
        }
    }
}
