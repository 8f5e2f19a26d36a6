import ObjectStorage
import Testing

extension ObjectStoreContract {
    static let composing = [
        ObjectStoreContract("compose joins its sources in order and removes them", joining),
        ObjectStoreContract("compose keeps the sources it is told to keep", keepingSources),
        ObjectStoreContract("compose joins sources of several MiB as well", joiningLarge),
        ObjectStoreContract("compose replaces, or not, as the condition says", composeConditions),
        ObjectStoreContract("compose without one of its sources changes nothing", missingSources),
        ObjectStoreContract("compose may name its target, or a source twice, among the sources", repeatedSources),
    ]

    private static let manifest = ObjectMetadata(contentType: "a/manifest", userMetadata: ["x": "y"])

    /// Stores parts of the given sizes and returns their keys and all their bytes.
    private static func parts(_ sizes: [Int], in store: any ObjectStore) async throws -> ([ObjectKey], [UInt8]) {
        var bytes: [UInt8] = []
        var keys: [ObjectKey] = []
        for (number, size) in sizes.enumerated() {
            let part = pattern(size, seed: number)
            keys.append(ObjectKey("uploads/\(sizes.count)/\(number)"))
            bytes += part
            try await store.put(part, at: keys[number], ObjectMetadata(contentType: "part/\(number)"))
        }
        return (keys, bytes)
    }

    private static func joining(_ store: any ObjectStore) async throws {
        for sizes in [[0], [10], [100_000], [0, 0], [1, 2, 3], [5, 0, 1 << 20 + 1, 300_000]] {
            for metadata in [ObjectMetadata(), manifest] {
                let (sources, bytes) = try await parts(sizes, in: store)
                let key = ObjectKey("blobs/\(sizes.count)/\(bytes.count)")
                let info = try await store.compose(
                    sources, keeping: [], at: key, metadata: metadata, condition: .always)
                #expect(info.size == bytes.count)
                #expect(info.metadata == metadata)
                #expect(try await info.isSame(as: store.head(key)))
                #expect(try await store.contents(key) == bytes)
                #expect(try await store.keys() == [key.string])
                try await store.delete([key])
            }
        }
    }

    private static func keepingSources(_ store: any ObjectStore) async throws {
        for sizes in [[10], [10, 20, 30]] {
            for kept in 0..<sizes.count + 1 {
                let (sources, bytes) = try await parts(sizes, in: store)
                let keeping = Array(sources.prefix(kept)) + ["absent"]
                try await store.compose(
                    sources, keeping: keeping, at: "made", metadata: ObjectMetadata(), condition: .always)
                #expect(try await store.contents("made") == bytes)
                #expect(try await store.keys() == ["made"] + sources.prefix(kept).map(\.string))
                try await store.delete(sources + ["made"])
            }
        }
    }

    private static func joiningLarge(_ store: any ObjectStore) async throws {
        for sizes in [[6 << 20, 6 << 20], [6 << 20, 1000, 6 << 20, 5], [1, 11 << 20], [9 << 20, 3 << 20, 3 << 20]] {
            let (sources, bytes) = try await parts(sizes, in: store)
            let info = try await store.compose(
                sources, keeping: [], at: "made", metadata: manifest, condition: .absent)
            #expect(try await info.isSame(as: store.head("made")))
            #expect(try await store.contents("made") == bytes)
            #expect(try await store.keys() == ["made"])
            try await store.delete(["made"])
        }
    }

    private static func composeConditions(_ store: any ObjectStore) async throws {
        for sizes in [[10], [10, 20]] {
            for condition in [PutCondition.absent, .always] {
                let (sources, bytes) = try await parts(sizes, in: store)
                try await store.compose(sources, keeping: [], at: "made", metadata: manifest, condition: condition)
                #expect(try await store.contents("made") == bytes)
            }
            let before = try await store.head("made")
            let (sources, _) = try await parts(sizes, in: store)
            let error = await storeError {
                try await store.compose(
                    sources, keeping: [], at: "made", metadata: ObjectMetadata(), condition: .absent)
            }
            #expect(error == .preconditionFailed("made"))
            #expect(try await store.head("made") == before)
            #expect(try await store.keys() == ["made"] + sources.map(\.string))
            try await store.delete(sources + ["made"])
        }
    }

    private static func missingSources(_ store: any ObjectStore) async throws {
        try await store.put(pattern(7), at: "made")
        let (sources, _) = try await parts([10, 20], in: store)
        for list in [["gone"], ["gone", sources[0]], [sources[0], "gone"], [sources[0], "gone/too", sources[1]]] {
            for key: ObjectKey in ["made", "new"] {
                let error = await storeError {
                    try await store.compose(list, keeping: [], at: key, metadata: manifest, condition: .always)
                }
                #expect(error == .noSuchKey(list.first { !sources.contains($0) } ?? ""))
            }
        }
        #expect(try await store.contents("made") == pattern(7))
        #expect(try await store.keys() == ["made"] + sources.map(\.string))
    }

    private static func repeatedSources(_ store: any ObjectStore) async throws {
        let (sources, bytes) = try await parts([10, 20], in: store)
        let first = sources[0]
        try await store.compose(
            [first, sources[1], first], keeping: [], at: first, metadata: manifest, condition: .always)
        #expect(try await store.contents(first) == bytes + bytes.prefix(10))
        try await store.compose([first], keeping: [], at: first, metadata: ObjectMetadata(), condition: .always)
        #expect(try await store.contents(first) == bytes + bytes.prefix(10))
        #expect(try await store.head(first)?.metadata == ObjectMetadata())
        let error = await storeError {
            try await store.compose([first], keeping: [], at: first, metadata: manifest, condition: .absent)
        }
        #expect(error == .preconditionFailed(first))
        #expect(try await store.keys() == [first.string])
    }
}
