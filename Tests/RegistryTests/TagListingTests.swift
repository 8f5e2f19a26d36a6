import OCI
import ObjectStorage
import TestSupport
import Testing

@testable import Registry

/// Tags are listed from keys among which are those of nested repositories, in an order that is not that of the tags.
struct TagListingTests {
    private static let pieces = ["a", "b", "v1", "1", "0", "10", "manifest", "json", "jsom", "A", "_", "latest", "z"]

    private static func component(using generator: inout SeededGenerator) -> String {
        let count = Int.random(in: 1...3, using: &generator)
        return (0..<count).map { _ in pieces.randomElement(using: &generator) ?? "a" }.joined(
            separator: ["-", ".", "_", ""].randomElement(using: &generator) ?? "-")
    }

    /// Puts an object at the key of a tag, without asking whether a directory could hold it.
    private static func fill(_ store: MemoryObjectStore, _ path: String) async throws {
        try await store.put(
            [1], at: ObjectKey("manifests/\(path)/manifest.json"), metadata: ObjectMetadata(), condition: .always)
    }

    @Test("any set of tags, among nested repositories, is listed in order and page by page", arguments: 0..<20)
    func model(round: Int) async throws {
        var generator = SeededGenerator(for: "model \(round)")
        let store = MemoryObjectStore()
        var model: Set<String> = []
        for _ in 0..<Int.random(in: 0...60, using: &generator) {
            let tag = Self.component(using: &generator)
            guard (try? Tag(tag)) != nil else { continue }
            model.insert(tag)
            try await Self.fill(store, "r/\(tag)")
        }
        for _ in 0..<60 {
            let depth = Int.random(in: 2...4, using: &generator)
            let path = (0..<depth).map { _ in Self.component(using: &generator) }.joined(separator: "/")
            try await Self.fill(store, "r/\(path)")
            try await Self.fill(store, "r-1/\(path)")
        }
        let repository = try await Repositories.open(store).repository(named: "r")
        try await repository.enterCatalog()
        #expect(try await repository.tagList() == model.sorted())
        let size = Int.random(in: 1...10, using: &generator)
        var listed: [String] = []
        while true {
            let page = try await repository.tags.list(after: listed.last, limit: size)
            listed += page.tags.map(\.string)
            #expect(page.tags.count == size || !page.hasMore)
            guard page.hasMore else { break }
        }
        #expect(listed == model.sorted())
    }

    @Test("thousands of tags behind, before and between thousands of a nested repository's tags")
    func manyPages() async throws {
        let store = MemoryObjectStore()
        let expected = ["b"] + (0..<1100).map { "b-\(10_000 + $0)" } + (0..<300).map { "c\(10_000 + $0)" }
        for tag in expected { try await Self.fill(store, "r/\(tag)") }
        // Keys before and after that of the tag `b`, whole pages of each.
        for word in ["a", "manifest.jsom", "z"] {
            for number in 10_000..<11_100 { try await Self.fill(store, "r/b/\(word)\(number)") }
        }
        let repository = try await Repositories.open(store).repository(named: "r")
        #expect(try await repository.tagList() == expected.sorted())
        #expect(try await Repositories.open(store).repository(named: "r/b").tagList().count == 3300)
    }

    @Test("a page that ends between a nested repository's tags and the tag of its name")
    func pageEnds() async throws {
        // Everything that sorts just before `b/manifest.json`, so that for some count a page ends at each of them.
        let nested = [
            "a", "m", "manifest", "manifest.jso", "manifest.jsom", "manifest.jsom-1", "manifest.json-1",
            "manifest.jsonx",
        ]
        for filling in 985..<1001 {
            let store = MemoryObjectStore()
            for number in 0..<filling { try await Self.fill(store, "r/a\(10_000 + number)") }
            for tag in nested { try await Self.fill(store, "r/b/\(tag)") }
            try await Self.fill(store, "r/b")
            try await Self.fill(store, "r/c")
            let repository = try await Repositories.open(store).repository(named: "r")
            let tags = try await repository.tagList()
            #expect(tags.count == filling + 2 && tags.suffix(2) == ["b", "c"])
        }
    }

    @Test("a nested repository of 5,000 tags costs its parent a page or two, not five")
    func skipping() async throws {
        let store = ObservedObjectStore(MemoryObjectStore())
        let repositories = try await Repositories.open(store)
        for number in 0..<5000 {
            let key = ObjectKey("manifests/r/nested/\(10_000 + number)/manifest.json")
            try await store.put([1], at: key, metadata: ObjectMetadata(), condition: .always)
        }
        try await store.put(
            [1], at: "manifests/r/z/manifest.json", metadata: ObjectMetadata(), condition: .always)
        store.reset()
        #expect(try await repositories.repository(named: "r").tagList() == ["z"])
        #expect(store.operations.count <= 4)
    }
}
