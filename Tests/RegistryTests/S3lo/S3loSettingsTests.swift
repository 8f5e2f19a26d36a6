import OCI
import ObjectStorage
import TestSupport
import Testing

@testable import Registry

/// `immutable` of `s3lo.yaml`.
struct S3loSettingsTests {
    @Test(
        "patterns match as Go's path.Match does",
        arguments: [
            ("app", "app", true), ("app", "apps", false), ("*", "app", true), ("*", "a/b", false), ("*", "", true),
            ("dev/*", "dev/app", true), ("dev/*", "dev/a/b", false), ("dev/*/*", "dev/a/b", true),
            ("a*b*c", "aXbYc", true), ("a*b*c", "abbbc", true), ("a*b*c", "ab", false), ("a*/b", "ac/b", true),
            ("a*/b", "a/c/b", false), ("a**", "abc", true), ("?", "a", true), ("?", "/", false), ("?", "", false),
            ("a?c", "abc", true), ("[a-c]x", "bx", true), ("[a-c]x", "dx", false), ("[^a-c]x", "dx", true),
            ("[^a-c]x", "ax", false), ("[a-]", "a", false), ("[-a]", "a", false), ("[]a]", "]", false),
            ("[a", "a", false), ("[", "[", false), ("\\*", "*", true), ("\\*", "a", false), ("a\\", "a", false),
            ("[\\]]", "]", true), ("[z-a]", "b", false), ("*[", "a", false), ("", "", true), ("", "a", false),
            ("a*", "a", true), ("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", false), ("v[0-9].[0-9]*", "v1.25", true),
        ])
    func patterns(pattern: String, name: String, matches: Bool) {
        #expect(S3loPattern(pattern).matches(name) == matches)
    }

    @Test("the first pattern that matches decides alone, names first, then the longest")
    func order() throws {
        let settings = S3loSettings(
            defaultImmutable: true,
            images: ["dev/*": false, "dev/app": nil, "dev/ap?": true, "*": false, "team/[ab]": true, "team/*": false])
        let expected: [(String, Bool)] = [
            ("dev/app", true), ("dev/apx", true), ("dev/x", false), ("dev/a/b", true), ("app", false),
            ("team/a", true), ("team/c", false),
        ]
        for (name, immutable) in expected {
            #expect(settings.isImmutable(try RepositoryName(name)) == immutable, "\(name)")
        }
        #expect(!S3loSettings().isImmutable(try RepositoryName("app")))
    }

    // MARK: Pushing

    /// Options under which the file's text is `immutable`, `mutable`, or nothing that can be understood.
    private static var options: Repositories.Options {
        var options = Repositories.Options()
        options.s3loSettings = { bytes in
            switch String(decoding: bytes, as: UTF8.self) {
            case "immutable": S3loSettings(defaultImmutable: true)
            case "mutable": S3loSettings()
            default: throw ObjectStoreError.unavailable("line 1")
            }
        }
        return options
    }

    private func open(
        _ store: any ObjectStore, _ file: String?, now: @escaping @Sendable () -> Int = { 1000 }
    ) async throws -> Repository {
        if let file {
            try await store.put(
                Array(file.utf8), at: StorageLayout.s3loSettings, metadata: ObjectMetadata(), condition: .always)
        }
        let repository = try await Repositories.open(store, Self.options, now: now).repository(named: "app")
        try await repository.push(emptyConfig)
        return repository
    }

    private func expectError(_ code: ErrorCode, _ body: () async throws -> Void) async {
        await #expect { try await body() } throws: { error in
            guard let error = error as? RegistryError else { return false }
            return error.code == code && error.message.contains("s3lo.yaml")
        }
    }

    @Test("an immutable tag is set once and neither moved nor removed", arguments: StoreKind.allCases)
    func immutable(kind: StoreKind) async throws {
        let opened = try TestStore(kind)
        let repository = try await open(opened.store, "immutable")
        let digest = try await repository.put(image(1), tags: "v1")
        await expectError(.denied) { try await repository.put(image(2), tags: "v1") }
        await expectError(.denied) { try await repository.put(image(2), tags: "v2", "v1") }
        #expect(try await repository.tagList() == ["v1"])
        await expectError(.denied) { try await repository.tags.delete(try Tag("v1")) }
        await expectError(.denied) { try await repository.manifests.delete(digest) }
        let before = try await opened.store.head(StorageLayout.tag(try Tag("v1"), in: repository.name))
        #expect(try await repository.put(image(1), tags: "v1") == digest)
        #expect(try await opened.store.head(StorageLayout.tag(try Tag("v1"), in: repository.name)) == before)
        #expect(try await repository.manifests.get(.tag(try Tag("v1"))).digest == digest)
        // What no tag is set by is not concerned.
        try await repository.put(image(3), byDigest: true)
    }

    @Test("of two pushes of an immutable tag at once one wins", arguments: StoreKind.allCases)
    func race(kind: StoreKind) async throws {
        let opened = try TestStore(kind)
        let repository = try await open(opened.store, "immutable")
        let outcomes = await withTaskGroup(of: Digest?.self) { group in
            for number in 0..<4 {
                // The others are denied.
                group.addTask { try? await repository.put(image(number), tags: "v1") }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        let winners = outcomes.compactMap(\.self)
        #expect(winners.count == 1)
        #expect(try await repository.manifests.get(.tag(try Tag("v1"))).digest == winners.first)
    }

    @Test("while the file cannot be understood tags cannot be changed, and everything can be read")
    func unreadable() async throws {
        let store = MemoryObjectStore()
        let time = Guarded(1000)
        let repository = try await open(store, "mutable") { time.value }
        let digest = try await repository.put(image(1), tags: "v1")
        for file in [Array(": -".utf8), [UInt8](repeating: 0x20, count: S3loSettings.maximumSize + 1)] {
            time.change { $0 += S3loSettings.lifetime }
            try await store.put(file, at: StorageLayout.s3loSettings, metadata: ObjectMetadata(), condition: .always)
            await expectError(.unavailable) { try await repository.put(image(2), tags: "v1") }
            await expectError(.unavailable) { try await repository.tags.delete(try Tag("v1")) }
            await expectError(.unavailable) { try await repository.manifests.delete(digest) }
            #expect(try await repository.manifests.get(.tag(try Tag("v1"))).digest == digest)
            try await repository.put(image(3), byDigest: true)
        }
        time.change { $0 += S3loSettings.lifetime }
        try await store.delete([StorageLayout.s3loSettings])
        try await repository.put(image(2), tags: "v1")
    }

    @Test("the file is read every five seconds at most, and not at all without somebody who reads it")
    func reading() async throws {
        let observed = ObservedObjectStore(MemoryObjectStore())
        let time = Guarded(1000)
        let repository = try await open(observed, "mutable") { time.value }
        for number in 0..<5 { try await repository.put(image(number), tags: "v\(number)") }
        #expect(observed.operations.count { $0.verb == .bytes && $0.key == "s3lo.yaml" } == 1)
        time.change { $0 += 5 }
        try await repository.put(image(9), tags: "v1", "v2")
        #expect(observed.operations.count { $0.verb == .bytes && $0.key == "s3lo.yaml" } == 2)
        #expect(observed.operations.count { $0.verb == .put && $0.key == "s3lo.yaml" } == 1)
        observed.reset()
        let other = try await Repositories.open(observed).repository(named: "app")
        try await other.put(image(1), tags: "v1")
        #expect(!observed.operations.contains { $0.key == "s3lo.yaml" })
    }
}
