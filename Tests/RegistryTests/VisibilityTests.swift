import OCI
import ObjectStorage
import TestSupport
import Testing

@testable import Registry

/// Security, zot's CVE-2024-39897 and own list 2: who sees only what a repository links cannot tell a foreign blob from
/// one that does not exist.
struct VisibilityTests {
    private let foreign = sampleBytes(3000)
    private let digest = Digest(of: sampleBytes(3000))
    private let unknown = Digest(of: sampleBytes(3000, seed: 1))

    /// A registry in which `theirs` holds the blob, and a handle on `mine` that sees only its own.
    private func withTenants(
        on kind: StoreKind, _ missing: MissingReferences = .reject,
        _ body: (_ mine: Repository, _ theirs: Repository, _ store: any ObjectStore) async throws -> Void
    ) async throws {
        var options = Repositories.Options()
        options.missingReferences = missing
        let store = try TestStore(kind)
        let registry = try await Repositories.open(store.store, options)
        let theirs = try registry.repository(named: "theirs")
        try await theirs.push(foreign)
        try await body(try registry.repository(named: "mine", visibility: .linkedBlobs), theirs, store.store)
        withExtendedLifetime(store) {}
    }

    @Test("HEAD, GET, ranges and DELETE: as if it did not exist", arguments: StoreKind.allCases)
    func reading(kind: StoreKind) async throws {
        try await withTenants(on: kind) { (mine, theirs, _) async throws in
            for digest in [digest, unknown] {
                #expect(try await mine.blobs.find(digest) == nil)
                #expect(try await mine.blobs.get(digest) == nil)
                #expect(try await mine.blobs.get(digest, range: 0..<10) == nil)
                await #expect(throws: RegistryError.blobUnknown(digest)) { try await mine.blobs.delete(digest) }
            }
            #expect(try await theirs.blobs.find(digest)?.size == 3000)
        }
    }

    @Test(
        "mount: without a source, or from one that does not hold it, as if it did not exist",
        arguments: StoreKind.allCases)
    func mounting(kind: StoreKind) async throws {
        try await withTenants(on: kind) { (mine, theirs, _) async throws in
            for digest in [digest, unknown] {
                #expect(try await !mine.blobs.mount(digest, from: nil))
                #expect(try await !mine.blobs.mount(digest, from: try RepositoryName("other")))
                #expect(try await !mine.blobs.mount(digest, from: mine.name))
            }
            // Whether the caller may pull from the source was decided before.
            #expect(try await mine.blobs.mount(digest, from: theirs.name))
            #expect(try await mine.blobs.find(digest)?.size == 3000)
        }
    }

    /// Requests to the store are what takes time, and what a broken store fails: none may depend on a blob's existence.
    @Test("whatever is asked for, the store is asked the same", arguments: StoreKind.allCases)
    func requests(kind: StoreKind) async throws {
        let test = try TestStore(kind)
        let store = ObservedObjectStore(test.store)
        let registry = try await Repositories.open(store)
        try await registry.repository(named: "theirs").push(foreign)
        let mine = try registry.repository(named: "mine", visibility: .linkedBlobs)
        let questions: [(String, (Digest) async throws -> Void)] = [
            ("HEAD", { _ = try await mine.blobs.find($0) }),
            ("GET", { _ = try await mine.blobs.whole($0, cache: nil) }),
            ("Range", { digest in _ = try await mine.blobs.part(digest, cache: nil) { _ in 0..<1 } }),
            ("redirect", { _ = try await mine.blobs.redirect($0, minimumSize: 1) }),
            ("DELETE", { try await mine.blobs.delete($0) }),
            ("mount", { _ = try await mine.blobs.mount($0, from: nil) }),
            ("mount from", { _ = try await mine.blobs.mount($0, from: try RepositoryName("other")) }),
            ("PUT", { try await mine.put(image(1, layers: [$0])) }),
        ]
        for (name, question) in questions {
            var asked: [[String]] = []
            for digest in [digest, unknown] {
                store.reset()
                // Some refuse what is not there: which is not what this is about.
                try? await question(digest)
                asked.append(
                    store.operations.map { "\($0.verb) \($0.key.replacing(digest.hex, with: "DIGEST"))" }.sorted())
            }
            #expect(asked[0] == asked[1], "\(name)")
            #expect(!asked[0].isEmpty)
        }
        withExtendedLifetime(test) {}
    }

    @Test("a manifest that refers to it misses it", arguments: StoreKind.allCases)
    func referring(kind: StoreKind) async throws {
        try await withTenants(on: kind) { (mine, _, _) async throws in
            try await mine.push(emptyConfig)
            let manifest = image(1, layers: [digest, unknown])
            await #expect { try await mine.put(manifest) } throws: { error in
                (error as? MissingReferencesError)?.digests == [digest, unknown]
            }
            #expect(try await mine.blobs.find(digest) == nil)
        }
    }

    @Test("a sparse manifest that refers to it does not make it visible", arguments: StoreKind.allCases)
    func sparse(kind: StoreKind) async throws {
        try await withTenants(on: kind, .accept) { (mine, _, _) async throws in
            try await mine.put(image(1, layers: [digest]), tags: "latest")
            #expect(try await mine.blobs.find(digest) == nil)
            #expect(try await mine.blobs.get(digest) == nil)
        }
    }

    @Test("a manifest of another repository is no blob and no child here", arguments: StoreKind.allCases)
    func manifests(kind: StoreKind) async throws {
        try await withTenants(on: kind) { (mine, theirs, _) async throws in
            try await theirs.push(emptyConfig)
            let child = try await theirs.put(image(1), byDigest: true)
            #expect(try await mine.blobs.find(child) == nil)
            await #expect(throws: MissingReferencesError.self) { try await mine.put(index([child])) }
            await #expect(throws: RegistryError.self) { try await mine.manifests.get(.digest(child)) }
        }
    }

    @Test("garbage under its digest, in every form, leaves it invisible", arguments: StoreKind.allCases)
    func garbage(kind: StoreKind) async throws {
        try await withTenants(on: kind) { (mine, _, store) async throws in
            for bytes in [sampleBytes(3000, seed: 2), [], sampleBytes(10), sampleBytes(3001)] {
                await #expect(throws: RegistryError.self) { try await mine.push(bytes, as: digest) }
                let token = mine.uploads.begin().token
                await #expect(throws: RegistryError.self) { try await mine.close(token, bytes, as: digest) }
                let next = try await mine.append(bytes + [1], to: mine.uploads.begin().token)
                await #expect(throws: RegistryError.self) { try await mine.close(next, as: digest) }
                #expect(try await mine.blobs.find(digest) == nil)
            }
            #expect(try await !store.keys().contains { $0.hasPrefix("registry/mine/") })
        }
    }

    @Test("the bytes themselves make it visible, and it is stored once", arguments: StoreKind.allCases)
    func possession(kind: StoreKind) async throws {
        try await withTenants(on: kind) { (mine, _, store) async throws in
            try await mine.push(foreign)
            #expect(try await mine.blobs.get(digest)?.body.contents == foreign)
            #expect(try await store.keys().filter { $0.hasPrefix("blobs/") }.count == 1)
        }
    }

    @Test(
        "a deleted blob is invisible to everybody in that repository, and to nobody in another",
        arguments: StoreKind.allCases)
    func deleted(kind: StoreKind) async throws {
        try await withTenants(on: kind) { (mine, theirs, _) async throws in
            try await theirs.blobs.delete(digest)
            #expect(try await theirs.blobs.find(digest) == nil)
            #expect(try await !mine.blobs.mount(digest, from: theirs.name))
            let trusted = try mine.registry.repository(named: "third")
            #expect(try await trusted.blobs.find(digest) != nil)
        }
    }
}
