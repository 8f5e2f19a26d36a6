import ObjectStorage
import Testing

extension ObjectStoreContract {
    static let writing = [
        ObjectStoreContract("a put replaces what is there", replacing),
        ObjectStoreContract("a put with the condition absent never replaces", puttingOnce),
        ObjectStoreContract("a writer shows nothing before its commit, then everything", writers),
        ObjectStoreContract("a writer may know the size before, and be committed to another key", sizedWriters),
        ObjectStoreContract("a writer's commit obeys the condition", committingOnce),
        ObjectStoreContract("a writer that is aborted or let go leaves nothing", discarding),
        ObjectStoreContract("deleting takes the named objects and no others", deleting),
        ObjectStoreContract("keys that are nearly alike are different objects", siblings),
    ]

    static let refusing = [
        ObjectStoreContract("a key that breaks the rules is refused by every verb", invalidKeys),
        ObjectStoreContract("metadata that some store could not keep is refused", invalidMetadata),
    ]

    private static func replacing(_ store: any ObjectStore) async throws {
        for (number, size) in [10, 0, 100_000, 0, 10, 10, 100_000].enumerated() {
            let bytes = pattern(size, seed: number)
            let metadata = ObjectMetadata(contentType: number % 2 == 0 ? nil : "number/\(number)")
            let info = try await store.put(bytes, at: "some/key", metadata)
            #expect(try await store.contents("some/key") == bytes)
            #expect(try await info.isSame(as: store.head("some/key")))
            #expect(info.metadata == metadata)
        }
        #expect(try await store.keys() == ["some/key"])
    }

    private static func puttingOnce(_ store: any ObjectStore) async throws {
        for (number, size) in [0, 10, 100_000].enumerated() {
            let key = ObjectKey("once/\(number)")
            let bytes = pattern(size)
            let info = try await store.put(bytes, at: key, ObjectMetadata(), .absent)
            for other in [[], pattern(10, seed: 1)] {
                let error = await storeError { try await store.put(other, at: key, ObjectMetadata(), .absent) }
                #expect(error == .preconditionFailed(key))
            }
            #expect(try await store.contents(key) == bytes)
            #expect(try await info.isSame(as: store.head(key)))
            try await store.delete([key])
            try await store.put(pattern(3), at: key, ObjectMetadata(), .absent)
            #expect(try await store.contents(key) == pattern(3))
        }
    }

    private static func writers(_ store: any ObjectStore) async throws {
        for pieces in [[], [0], [5], [1, 2, 0, 3], [70_000, 1], Array(repeating: 1 << 20, count: 9)] {
            let key = ObjectKey("written/\(pieces.count)/\(pieces.first ?? 0)")
            let writer = try await store.writer(expecting: key, size: nil)
            var bytes: [UInt8] = []
            for (number, count) in pieces.enumerated() {
                let piece = pattern(count, seed: number)
                try await writer.append(piece.span.bytes)
                bytes += piece
                #expect(writer.size == bytes.count)
            }
            #expect(try await store.head(key) == nil)
            #expect(try await store.list(prefix: "", after: nil, limit: 1).objects.isEmpty)
            let metadata = ObjectMetadata(contentType: "a/b")
            let info = try await writer.commit(to: key, metadata: metadata, condition: .always)
            #expect(info.size == bytes.count)
            #expect(info.metadata == metadata)
            #expect(try await info.isSame(as: store.head(key)))
            #expect(try await store.contents(key) == bytes)
            try await store.delete([key])
        }
    }

    private static func sizedWriters(_ store: any ObjectStore) async throws {
        for size in [0, 1, 1000, 256 << 10, 256 << 10 + 1, 5 << 20, 5 << 20 + 1, 17 << 20 + 3] {
            for (key, target): (ObjectKey, ObjectKey) in [("blobs/1", "blobs/1"), ("staging/1", "blobs/1")] {
                let writer = try await store.writer(expecting: key, size: size)
                let bytes = pattern(size)
                var done = 0
                while done < size {
                    let count = min(size - done, 300_000)
                    try await writer.append(bytes.span.bytes.extracting(done..<done + count))
                    done += count
                }
                #expect(try await store.head(target) == nil)
                let metadata = ObjectMetadata(contentType: "application/octet-stream")
                let info = try await writer.commit(to: target, metadata: metadata, condition: .always)
                #expect(try await info.isSame(as: store.head(target)))
                #expect(try await store.contents(target) == bytes)
                #expect(try await store.keys() == [target.string])
                try await store.delete([target])
            }
        }
    }

    private static func committingOnce(_ store: any ObjectStore) async throws {
        for isThere in [false, true] {
            let writer = try await store.writer(expecting: "staging/1", size: nil)
            try await writer.append(pattern(10, seed: isThere ? 1 : 0).span.bytes)
            if isThere {
                let error = await storeError {
                    try await writer.commit(to: "key", metadata: ObjectMetadata(), condition: .absent)
                }
                #expect(error == .preconditionFailed("key"))
            } else {
                try await writer.commit(to: "key", metadata: ObjectMetadata(), condition: .absent)
            }
            #expect(try await store.contents("key") == pattern(10))
        }
        #expect(try await store.keys() == ["key"])
    }

    private static func discarding(_ store: any ObjectStore) async throws {
        for size in [0, 10, 1 << 20] {
            let aborted = try await store.writer(expecting: "key", size: nil)
            try await aborted.append(pattern(size).span.bytes)
            await aborted.abort()
            await aborted.abort()
            let forgotten = try await store.writer(expecting: "staging/1", size: nil)
            try await forgotten.append(pattern(size).span.bytes)
        }
        #expect(try await store.head("key") == nil)
        #expect(try await store.keys().isEmpty)
    }

    private static func deleting(_ store: any ObjectStore) async throws {
        let keys = (0..<30).map { ObjectKey("d\($0 % 3)/e\($0 % 2)/f\($0)") }
        for key in keys { try await store.put([], at: key) }
        try await store.delete([])
        try await store.delete(["absent", "d0/absent", "d0/e0", "d0", "no/such/thing"])
        #expect(try await store.keys().count == 30)
        let doomed = keys.filter { $0.string.hasPrefix("d0") || $0.string.hasSuffix("5") }
        try await store.delete(doomed + ["absent"] + doomed)
        let rest = keys.filter { !doomed.contains($0) }.sorted().map(\.string)
        #expect(try await store.keys() == rest)
        for key in doomed { #expect(try await store.head(key) == nil) }
        // What was emptied can be filled again.
        for key in doomed { try await store.put(pattern(2), at: key) }
        #expect(try await store.keys().count == 30)
    }

    private static func siblings(_ store: any ObjectStore) async throws {
        let keys: [ObjectKey] = [
            "v/1", "v-1", "v.1", "v1", "v-/1", "v./1", "V/1", "v/1-", "v/1.0", "v/.1", "v/...", "v/-", "v /1", "v%2F1",
            "v\\1", "cafe\u{301}/1", "caf\u{E9}/1", "v/\n", "*/?", "-rf",
        ]
        for key in keys { try await store.put(Array(key.string.utf8), at: key) }
        for key in keys { #expect(try await store.contents(key) == Array(key.string.utf8)) }
        #expect(try await store.list(prefix: "", after: nil, limit: 100).objects.map(\.key) == keys.sorted())
    }

    private static func invalidKeys(_ store: any ObjectStore) async throws {
        try await store.put(pattern(3), at: "good/key")
        let keys: [ObjectKey] = [
            "", "/", "//", "/good/key", "good/key/", "good//key", ".", "..", "./good/key", "good/./key", "good/key/.",
            "../good/key", "good/../key", "good/key/..", "good/../../etc/passwd", "a\0b", "good/key\0", "\0",
        ]
        for key in keys {
            let verbs: [() async throws -> Void] = [
                { _ = try await store.head(key) },
                { _ = try await store.get(key, range: nil) },
                { _ = try await store.bytes(of: key, limit: 10) },
                { try await store.put([], at: key) },
                { try await store.put(pattern(1), at: key, ObjectMetadata(), .absent) },
                { try await store.delete([key]) },
                {
                    try await store.compose(
                        [key], keeping: [], at: "made", metadata: ObjectMetadata(), condition: .always)
                },
                {
                    try await store.compose(
                        ["good/key"], keeping: [], at: key, metadata: ObjectMetadata(), condition: .always)
                },
                {
                    let writer = try await store.writer(expecting: "staging/1", size: nil)
                    try await writer.commit(to: key, metadata: ObjectMetadata(), condition: .always)
                },
            ]
            for verb in verbs {
                guard case .unsupportedKey(key, _) = await storeError(verb) else {
                    Issue.record("'\(key)' was not refused as a key")
                    continue
                }
            }
        }
        #expect(try await store.keys() == ["good/key"])
    }

    private static func invalidMetadata(_ store: any ObjectStore) async throws {
        let examples = [
            ObjectMetadata(contentType: "a/b\r\nSet-Cookie: c"),
            ObjectMetadata(contentType: "b\u{E4}d"),
            ObjectMetadata(contentType: String(repeating: "t", count: ObjectMetadata.longest + 1)),
            ObjectMetadata(userMetadata: ["a": "b\n"]),
            ObjectMetadata(userMetadata: ["": "b"]),
            ObjectMetadata(userMetadata: ["a=b": "c"]),
            ObjectMetadata(userMetadata: ["Name": "b"]),
            ObjectMetadata(userMetadata: ["n": String(repeating: "v", count: ObjectMetadata.longest)]),
        ]
        try await store.put(pattern(3), at: "source")
        for metadata in examples {
            let verbs: [() async throws -> Void] = [
                { try await store.put([], at: "key", metadata) },
                { try await store.compose(["source"], keeping: [], at: "key", metadata: metadata, condition: .always) },
                {
                    let writer = try await store.writer(expecting: "key", size: nil)
                    try await writer.commit(to: "key", metadata: metadata, condition: .always)
                },
            ]
            for verb in verbs {
                guard case .unsupportedKey("key", _) = await storeError(verb) else {
                    Issue.record("\(metadata) was not refused")
                    continue
                }
            }
        }
        #expect(try await store.keys() == ["source"])
    }
}
