import OCI
import ObjectStorage
import TestSupport
import Testing

@testable import Registry

/// Security, zot #4318 and #4325: nested indexes are never walked, so that no nesting costs more than what was sent.
struct IndexCostTests {
    private let store = ObservedObjectStore(MemoryObjectStore())
    private let repository: Repository

    init() async throws {
        repository = try await Repositories.open(store).repository(named: "r")
        try await repository.push(emptyConfig)
    }

    /// Pushes a manifest and returns its digest and what that cost.
    private func cost(of manifest: [UInt8]) async throws -> (digest: Digest, operations: Int) {
        store.reset()
        let digest = try await repository.put(manifest, byDigest: true, tags: "latest")
        return (digest, store.operations.count)
    }

    @Test("an index costs the same at every depth, also when each level refers to the one below many times")
    func depth() async throws {
        var child = try await repository.put(image(1), byDigest: true)
        var costs: [Int] = []
        for level in 0..<60 {
            let pushed = try await cost(of: index([child, child, child], seed: level))
            child = pushed.digest
            costs.append(pushed.operations)
        }
        #expect(Set(costs).count == 1 && costs[0] <= 20)
        store.reset()
        _ = try await repository.manifests.get(.digest(child))
        #expect(store.operations.count == 1)
        store.reset()
        try await repository.manifests.delete(child)
        #expect(store.operations.count <= 10)
    }

    @Test("a wide index costs a constant for each child", arguments: [10, 100, 1000])
    func width(count: Int) async throws {
        var children: [Digest] = []
        for number in 0..<count { children.append(try await repository.put(image(number), byDigest: true)) }
        let pushed = try await cost(of: index(children))
        #expect(pushed.operations <= 20 + 3 * count)
    }

    @Test("an image costs a constant for each layer it did not name before")
    func layers() async throws {
        var layers: [Digest] = []
        for number in 0..<100 { layers.append(try await repository.push(sampleBytes(10, seed: number))) }
        let once = try await cost(of: image(1, layers: layers))
        #expect(once.operations <= 20 + 5 * layers.count)
        let often = try await cost(of: image(2, layers: Array(repeating: layers[0], count: 5000)))
        #expect(often.operations <= 30)
    }

    @Test("more than 10,000 references are refused before the store is asked for one")
    func tooMany() async throws {
        let children = (0..<10_001).map { Digest(of: Array("\($0)".utf8)) }
        store.reset()
        await #expect { try await repository.put(index(children)) } throws: { error in
            (error as? RegistryError)?.code == .manifestInvalid
        }
        #expect(store.operations.isEmpty)
    }

    @Test("a missing child is named once, however often it is referred to")
    func missing() async throws {
        let absent = Digest(of: [1])
        await #expect { try await repository.put(index([absent, absent, absent])) } throws: { error in
            (error as? MissingReferencesError)?.digests == [absent]
        }
    }
}
