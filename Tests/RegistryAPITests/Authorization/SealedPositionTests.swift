import Access
import Foundation
import OCI
import ObjectStorage
import Registry
import RegistryAPI
import TestSupport
import Testing

/// Lists in which more entries are hidden than are looked at for one page: their pages go on at sealed positions.
@Suite("Pages go on behind very many hidden entries, and tell nothing of them", .timeLimit(.minutes(2)))
struct SealedPositionTests {
    private static let looks = 50
    /// For some pages, as the next entries are listed by the hundred.
    private static let hidden = 350
    private static let catalog = "/v2/_catalog"
    private static let tags = "/v2/m/tags/tags/list"
    /// What bob and carol see.
    private static let visible = [catalog: ["a/1", "m/tags", "z/1", "z/2"], tags: ["a", "z"]]

    private func withServer(on kind: StoreKind = .memory, _ body: (TestServer) async throws -> Void) async throws {
        let policy = try Policy(
            "allow pull to user:alice", "allow pull to user:bob,user:carol,anonymous in a/*,z/*",
            "allow pull to user:bob,user:carol in m/tags tags a*,z*")
        try await AccessFixture(policy, { $0.looksForPage = Self.looks }).serve(on: kind) { server in
            let numbers = (0..<Self.hidden).map { 100_000 + $0 }
            for name in ["a/1", "z/1", "z/2"] + numbers.map({ "m/secret-\($0)" }) {
                try await put(StorageLayout.catalog(try RepositoryName(name)), server)
            }
            for tag in ["a", "z"] + numbers.map({ "secret-\($0)" }) {
                try await put(StorageLayout.tag(try Tag(tag), in: try RepositoryName("m/tags")), server)
            }
            try await body(server)
        }
    }

    private func put(_ key: ObjectKey, _ server: TestServer) async throws {
        _ = try await server.store.put([], at: key, metadata: ObjectMetadata(), condition: .always)
    }

    /// Where the second page of a list begins, whose first ends among the hidden entries.
    private func position(_ list: String, _ user: String, _ server: TestServer) async throws -> String {
        let reply = try await server.client.get("\(list)?n=3", [basic(user)])
        let next = try #require(reply.next, "\(reply.status)")
        return try #require(next.split(separator: "last=").last.map(String.init))
    }

    private func status(_ list: String, _ position: String, _ user: String, _ server: TestServer) async throws -> Int {
        try await server.client.get("\(list)?n=3&last=\(position)", [basic(user)]).status
    }

    @Test("every page, whatever its size, and each position sealed alike", arguments: StoreKind.allCases)
    func complete(_ kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            for (list, wanted) in Self.visible {
                for size in [1, 3, 10_000] {
                    var (found, count, target) = ([String](), 0, Optional("\(list)?n=\(size)"))
                    while let next = target, count < 50 {
                        let reply = try await server.client.get(next, [basic("bob")])
                        try #require(reply.status == 200)
                        let page =
                            list == Self.catalog
                            ? try reply.json(CatalogBody.self).repositories : try reply.json(TagsBody.self).tags
                        #expect(page.count <= size && reply["Link"]?.contains("secret") != true)
                        (found, count, target) = (found + page, count + 1, reply.next)
                    }
                    #expect(found == wanted, "\(list) by \(size)")
                }
                let position = try await position(list, "bob", server)
                #expect(position.hasPrefix("~") && position.utf8.count > 300)
                // A reader learns neither the name nor whether it is another than yesterday's.
                let text = position.dropFirst().replacing("-", with: "+").replacing("_", with: "/")
                let padding = String(repeating: "=", count: -text.utf8.count & 3)
                let bytes = try #require(Data(base64Encoded: text + padding))
                #expect(bytes.range(of: Data("secret".utf8)) == nil)
                #expect(try await self.position(list, "bob", server) == position)
                #expect(try await status(list, position, "bob", server) == 200)
            }
        }
    }

    @Test("a position that was changed is refused")
    func changed() async throws {
        try await withServer { server in
            let position = try await position(Self.catalog, "bob", server)
            var wrong = ["~", "~~", "~AAAA", position + "A", position + "==", String(position.dropLast())]
            for index in [1, 5, 30, 100, 200, position.utf8.count - 2] {
                var bytes = Array(position.utf8)
                bytes[index] = bytes[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
                wrong.append(String(decoding: bytes, as: UTF8.self))
            }
            for text in wrong {
                let reply = try await server.client.get("\(Self.catalog)?n=3&last=\(text)", [basic("bob")])
                #expect(reply.status == 400 && reply.codes == ["UNSUPPORTED"], "\(text)")
                #expect(!reply.text.contains("secret") && (text.utf8.count < 10 || !reply.text.contains(text)))
            }
        }
    }

    @Test("a position is good for its reader and its list only")
    func foreign() async throws {
        try await withServer { server in
            for (list, other) in [(Self.catalog, Self.tags), (Self.tags, Self.catalog)] {
                let position = try await position(list, "bob", server)
                #expect(try await status(other, position, "bob", server) == 400)
                // One reader sees the same, one sees all, one nothing of this.
                #expect(try await self.position(list, "carol", server) != position)
                for user in ["carol", "alice"] {
                    #expect(try await status(list, position, user, server) == 400)
                }
                let anonymous = try await server.client.get("\(list)?n=3&last=\(position)").status
                #expect(anonymous == (list == Self.catalog ? 400 : 401))
            }
        }
    }
}
