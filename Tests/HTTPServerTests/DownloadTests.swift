import EventLoop
import HTTPServer
import TestSupport
import Testing

@Suite("Response bodies", .serialized, .overBothTransports, .timeLimit(.minutes(1)))
struct DownloadTests {
    @Test("bodies of bytes", arguments: [1, 16_384, 16_385, 262_144, 600_000, 5_000_000])
    func bytes(_ size: Int) async throws {
        try await withEngine { engine in
            let client = try engine.client()
            for _ in 0..<2 { #expect(try client.request("GET", "/bytes?n=\(size)").body == pattern(size)) }
            #expect(try await engine.exchanges(2).map(\.bytesOut) == [size, size])
        }
    }

    @Test(
        "bodies of files, from any offset", arguments: [0, 1, 4_095, SmallHandler.fileSize - 1, SmallHandler.fileSize])
    func files(_ offset: Int) async throws {
        try await withEngine { engine in
            let client = try engine.client()
            let expected = pattern(SmallHandler.fileSize - offset, from: offset)
            for _ in 0..<2 { #expect(try client.request("GET", "/file?n=\(offset)").body == expected) }
            #expect(try await engine.exchanges(2).map(\.bytesOut) == [expected.count, expected.count])
        }
    }

    @Test("a file that is shorter than announced ends the connection inside the body")
    func shortFile() async throws {
        try await withEngine { engine in
            let client = try engine.client()
            #expect(throws: RawHTTPError.closed) { try client.request("GET", "/cut") }
            let exchange = try await engine.exchanges(1)[0]
            #expect(!exchange.isComplete)
            #expect(exchange.bytesOut == SmallHandler.fileSize)
        }
    }

    @Test("a reader with a tiny buffer gets every byte", arguments: ["/file", "/bytes?n=\(SmallHandler.fileSize)"])
    func slowReader(_ target: String) async throws {
        try await withEngine { engine in
            let client = try engine.client(receiveBuffer: 1 << 10)
            for _ in 0..<2 {
                try client.send("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
                _ = try client.readHead()
                var received: [UInt8] = []
                while received.count < SmallHandler.fileSize {
                    let more = try client.receive(atMost: 1_000)
                    if more.isEmpty { break }
                    received += more
                }
                #expect(received == pattern(SmallHandler.fileSize))
            }
        }
    }

    @Test("many readers at once, on two loops")
    func manyReaders() async throws {
        try await withEngine(loops: 2) { engine in
            try await withThrowingTaskGroup { group in
                for number in 0..<8 {
                    group.addTask {
                        try await OwnThread.run {
                            let client = try engine.client()
                            for _ in 0..<3 {
                                let target = number % 2 == 0 ? "/file" : "/bytes?n=\(SmallHandler.fileSize)"
                                #expect(try client.request("GET", target).body == pattern(SmallHandler.fileSize))
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}
