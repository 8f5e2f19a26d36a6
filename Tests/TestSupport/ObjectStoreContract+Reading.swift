import ObjectStorage
import Testing

extension ObjectStoreContract {
    static let reading = [
        ObjectStoreContract("an object comes back whole, whatever its size", wholeObjects),
        ObjectStoreContract("metadata comes back as it was stored", metadata),
        ObjectStoreContract("an absent object is nil", absence),
        ObjectStoreContract("a range gives those bytes", ranges),
        ObjectStoreContract("a range beyond the end is an error", rangesBeyondTheEnd),
        ObjectStoreContract("an object longer than the limit is too large", limits),
        ObjectStoreContract("the entity tag changes with the bytes", entityTags),
        ObjectStoreContract("a read sees every write that returned before", readsSeeWrites),
    ]

    /// Around the sizes at which stores change their ways.
    private static let sizes = [0, 1, 100, 64 << 10 - 1, 64 << 10, 64 << 10 + 1, 300_001]

    private static func wholeObjects(_ store: any ObjectStore) async throws {
        for size in sizes {
            let key = ObjectKey("blobs/sha256/\(size)")
            let bytes = pattern(size)
            let info = try await store.put(bytes, at: key, ObjectMetadata(contentType: "application/octet-stream"))
            #expect(info.size == size)
            // Twice: the second time it may come from a memory.
            for _ in 0..<2 {
                #expect(try await info.isSame(as: store.head(key)))
                #expect(try await store.contents(key) == bytes)
                #expect(try await info.isSame(as: store.get(key, range: nil)?.info))
                let small = try await store.bytes(of: key, limit: size)
                #expect(small?.bytes == bytes)
                #expect(info.isSame(as: small?.info))
            }
        }
    }

    private static func metadata(_ store: any ObjectStore) async throws {
        let examples = [
            ObjectMetadata(),
            ObjectMetadata(contentType: "application/vnd.oci.image.manifest.v1+json"),
            ObjectMetadata(contentType: "text/plain; charset=\"utf-8\""),
            ObjectMetadata(userMetadata: ["digest-algorithm": "sha512"]),
            ObjectMetadata(contentType: "a/b", userMetadata: ["a": "=1 = 2=", "b": "", "content-type": "c/d"]),
            ObjectMetadata(contentType: String(repeating: "t", count: ObjectMetadata.longest)),
        ]
        for (number, example) in examples.enumerated() {
            let key = ObjectKey("metadata/\(number)")
            for bytes in [[], pattern(100), pattern(100_000)] {
                #expect(try await store.put(bytes, at: key, example).metadata == example)
                #expect(try await store.head(key)?.metadata == example)
                #expect(try await store.get(key, range: nil)?.info.metadata == example)
            }
        }
    }

    private static func absence(_ store: any ObjectStore) async throws {
        try await store.put(pattern(3), at: "there/is/this")
        for key: ObjectKey in ["no", "no/thing", "there", "there/is", "there/is/thi", "there/is/this/too"] {
            #expect(try await store.head(key) == nil)
            #expect(try await store.get(key, range: nil) == nil)
            #expect(try await store.get(key, range: 0..<1) == nil)
            #expect(try await store.bytes(of: key, limit: 0) == nil)
        }
    }

    private static func ranges(_ store: any ObjectStore) async throws {
        for size in [1, 1000, 64 << 10, 200_000] {
            let key = ObjectKey("ranges/\(size)")
            let bytes = pattern(size)
            try await store.put(bytes, at: key)
            let ends = [0, 1, size / 3, size / 2, size - 1, size]
            for lower in ends {
                for upper in ends where upper >= lower {
                    let object = try await store.get(key, range: lower..<upper)
                    #expect(object?.info.size == size)
                    #expect(object?.body.size == upper - lower)
                    #expect(try await store.contents(key, lower..<upper) == Array(bytes[lower..<upper]))
                }
            }
        }
    }

    private static func rangesBeyondTheEnd(_ store: any ObjectStore) async throws {
        for size in [0, 10, 100_000] {
            try await store.put(pattern(size), at: "short")
            for range in [0..<size + 1, size + 1..<size + 1, size..<size + 2] {
                let error = await storeError { _ = try await store.get("short", range: range) }
                guard case .unavailable = error else {
                    Issue.record("\(range) of \(size) bytes: \(String(describing: error))")
                    continue
                }
            }
        }
    }

    private static func limits(_ store: any ObjectStore) async throws {
        for size in [1, 1000, 64 << 10 + 1] {
            let key = ObjectKey("limits/\(size)")
            try await store.put(pattern(size), at: key)
            for _ in 0..<2 {
                #expect(try await store.bytes(of: key, limit: size)?.bytes.count == size)
                let error = await storeError { _ = try await store.bytes(of: key, limit: size - 1) }
                #expect(error == .tooLarge(key, size: size))
            }
        }
    }

    private static func entityTags(_ store: any ObjectStore) async throws {
        var tags: Set<String> = []
        for number in 0..<40 {
            if number % 4 == 3 { try await store.delete(["tag"]) }
            let info = try await store.put(pattern(10, seed: number), at: "tag")
            #expect(try await store.head("tag")?.etag == info.etag)
            #expect(tags.insert(info.etag).inserted)
        }
    }

    static let replacementTags = [
        ObjectStoreContract("the entity tag changes with every replacement") { store in
            var tags: Set<String> = []
            for number in 0..<40 {
                if number % 4 == 3 { try await store.delete(["tag"]) }
                let info = try await store.put(pattern(10), at: "tag")
                #expect(tags.insert(info.etag).inserted)
            }
        }
    ]

    private static func readsSeeWrites(_ store: any ObjectStore) async throws {
        let key: ObjectKey = "manifests/library/app/latest/manifest.json"
        for number in 0..<60 {
            // Always the same size, so that only the content tells.
            let bytes = Array("version \(1000 + number)".utf8)
            try await store.put(bytes, at: key, ObjectMetadata(contentType: "version/\(number)"))
            for _ in 0..<3 {
                #expect(try await store.bytes(of: key, limit: 100)?.bytes == bytes)
                #expect(try await store.contents(key) == bytes)
                #expect(try await store.head(key)?.metadata.contentType == "version/\(number)")
            }
            guard number % 5 == 4 else { continue }
            try await store.delete([key])
            #expect(try await store.bytes(of: key, limit: 100) == nil)
            #expect(try await store.head(key) == nil)
        }
    }
}
