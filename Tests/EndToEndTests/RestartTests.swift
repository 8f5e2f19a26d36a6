import Foundation
import Testing

extension EndToEnd {
    /// The server is killed without warning and started anew on the same storage.
    @Suite struct RestartTests {
        private let images = Layout.current

        /// The request of an upload before which the server is killed.
        enum Moment: CaseIterable {
            case firstPatch, secondPatch, put, check
        }

        @Test(arguments: Moment.allCases, Storage.tested)
        func anUploadGoesOn(killedBefore moment: Moment, storage: Storage) throws {
            try withRestarts(on: storage) { servers, _ in
                let blob = try #require(try images.blobs(of: "app-1.1").max { $0.size < $1.size })
                let bytes = try images.bytes(blob)
                let half = bytes.count / 2

                let session = try servers.current.send("POST", "/v2/team/app/blobs/uploads/", body: .bytes([]))
                try #require(session.status == 202)
                if moment == .firstPatch { try servers.restart() }
                var answer = try servers.current.send(
                    "PATCH", session.uploadTarget(), body: .chunked(Array(bytes[..<half])))
                try #require(answer.status == 202)
                #expect(answer["Range"] == "0-\(half - 1)")
                if moment == .secondPatch { try servers.restart() }
                answer = try servers.current.send(
                    "PATCH", answer.uploadTarget(), headers: ["Content-Range: \(half)-\(bytes.count - 1)"],
                    body: .bytes(Array(bytes[half...])))
                try #require(answer.status == 202)
                #expect(answer["Range"] == "0-\(bytes.count - 1)")
                if moment == .put { try servers.restart() }
                let closed = try servers.current.send(
                    "PUT", answer.uploadTarget(digest: blob.digest), body: .bytes([]))
                #expect(closed.status == 201)
                if moment == .check { try servers.restart() }
                let pulled = try servers.current.send("GET", "/v2/team/app/blobs/\(blob.digest)")
                #expect(pulled.status == 200)
                #expect(pulled.body == bytes)
            }
        }

        @Test(arguments: Storage.tested)
        func everythingPushedIsThere(storage: Storage) throws {
            try withRestarts(on: storage) { servers, scratch in
                let tags = images.tags.keys.sorted()
                for tag in tags { try images.push(tag, to: servers.current, repository: "team/app") }
                try servers.restart()
                let host = servers.current.host
                // skopeo refuses these two: an index within an index, and an index whose children are blobs.
                let unreadable = ["nested", "cache-index"]
                for tag in tags where !unreadable.contains(tag) {
                    let pulled = scratch.file("pulled-" + tag)
                    let source = ["--src-tls-verify=false", "docker://\(host)/team/app:\(tag)"]
                    let command = ["skopeo", "copy", "--all", "--preserve-digests"] + source + ["dir:\(pulled)"]
                    try scratch.run(command, limit: .seconds(60))
                    try expectSame(tag, in: pulled)
                }
                for tag in unreadable {
                    #expect(try servers.current.digest(of: tag, in: "team/app") == images.manifest(tag).digest)
                }
            }
        }

        /// Compares a directory that skopeo wrote with what the tag refers to; its files are named by hex digest, or
        /// "HEX.manifest.json", and the top is "manifest.json".
        private func expectSame(_ tag: String, in directory: String) throws {
            let top = try images.manifest(tag).digest
            for descriptor in try images.reachable(from: images.manifest(tag)) {
                let hex = descriptor.digest.dropFirst("sha256:".count)
                let isManifest = Layout.manifestTypes.contains(descriptor.mediaType)
                let name = descriptor.digest == top ? "manifest.json" : isManifest ? "\(hex).manifest.json" : "\(hex)"
                let pulled = directory + "/" + name
                let same = FileManager.default.contentsEqual(atPath: images.file(descriptor.digest), andPath: pulled)
                #expect(same, "\(tag): \(descriptor.mediaType) \(descriptor.digest)")
            }
        }
    }
}

/// A server that can be killed and started anew on the same storage; the new one listens on another port.
private final class Servers {
    private(set) var current: ServerProcess

    init(_ place: Storage.Place) throws { current = try ServerProcess(place) }

    func restart() throws {
        try current.kill()
        current = try ServerProcess(current.place)
    }
}

private func withRestarts(on storage: Storage, _ body: (Servers, Scratch) throws -> Void) throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    let servers = try Servers(storage.fresh(in: scratch))
    do {
        try body(servers, scratch)
    } catch {
        try servers.current.kill()
        throw error
    }
    try servers.current.stop()
}
