import OCI
import ObjectStorage
import TestSupport
import Testing

@testable import Registry

/// The catalog of a bucket whose repositories were partly pushed here, partly by s3lo.
struct S3loCatalogTests {
    /// Puts tags and catalog entries; what they hold does not matter.
    private func fill(_ store: any ObjectStore, tagged: [String], catalogued: [String]) async throws {
        for key in tagged {
            try await store.put(
                [], at: ObjectKey("manifests/\(key)/manifest.json"), metadata: ObjectMetadata(), condition: .always)
        }
        for name in catalogued {
            try await store.put(
                [], at: StorageLayout.catalog(try RepositoryName(name)), metadata: ObjectMetadata(), condition: .always)
        }
    }

    private func names(_ registry: Repositories, pageSize: Int) async throws -> [String] {
        var names: [String] = []
        while true {
            let page = try await registry.names(after: names.last, limit: pageSize)
            #expect(page.names.count <= pageSize && (page.names.count == pageSize || !page.hasMore))
            names += page.names.map(\.string)
            guard page.hasMore else { return names }
        }
    }

    @Test("names that begin like others are all there, in order, at every page size", arguments: StoreKind.allCases)
    func order(kind: StoreKind) async throws {
        let opened = try TestStore(kind)
        let store = opened.store
        let tagged = [
            "a/v1", "a/b/v1", "a-b/v1", "a-b/c/v1", "a.b/v1", "a-b-c/v1", "a0/v1", "a/-bad/v1", "a--x/v1", "b/x/y/v1",
            "b/v/sha256:0", "c/sha256:1", "D/v1", "e/bad tag", "f/_t",
        ]
        try await fill(store, tagged: tagged, catalogued: ["a.b", "a1", "z"])
        let registry = try await Repositories.open(store)
        let expected = ["a", "a--x", "a-b", "a-b-c", "a-b/c", "a.b", "a/b", "a0", "a1", "b/x/y", "f", "z"]
        for pageSize in 1...expected.count + 1 {
            #expect(try await names(registry, pageSize: pageSize) == expected)
        }
        #expect(try await registry.names(after: "a-", limit: 2).names.map(\.string) == ["a--x", "a-b"])
        #expect(try await registry.names(after: "zz", limit: 2).names.isEmpty)
    }

    @Test("random names")
    func random() async throws {
        var generator = SeededGenerator(for: "s3lo")
        for _ in 0..<60 {
            let store = MemoryObjectStore()
            var expected: Set<String> = []
            var tagged: [String] = []
            var catalogued: [String] = []
            for _ in 0..<Int.random(in: 0...25, using: &generator) {
                let length = Int.random(in: 1...5, using: &generator)
                let name = String((0..<length).compactMap { _ in "ab-./".randomElement(using: &generator) })
                // What is no name does not count.
                guard (try? RepositoryName(name)) != nil else { continue }
                expected.insert(name)
                if Bool.random(using: &generator) { catalogued.append(name) } else { tagged.append("\(name)/v") }
            }
            try await fill(store, tagged: tagged, catalogued: catalogued)
            let registry = try await Repositories.open(store)
            let pageSize = Int.random(in: 1...8, using: &generator)
            #expect(try await names(registry, pageSize: pageSize) == expected.sorted())
        }
    }

    @Test("a page lists the tags of its own names only")
    func cost() async throws {
        let observed = ObservedObjectStore(MemoryObjectStore())
        let tagged = (100..<600).flatMap { number in (0..<10).map { "r\(number)/v\($0)" } }
        try await fill(observed, tagged: tagged, catalogued: [])
        let registry = try await Repositories.open(observed)
        observed.reset()
        let page = try await registry.names(after: "r200", limit: 50)
        #expect(page.names.map(\.string) == (201...250).map { "r\($0)" } && page.hasMore)
        #expect(observed.operations.count <= 3)
    }
}
