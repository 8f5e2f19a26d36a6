import ObjectStorage
import Testing

extension ObjectStoreContract {
    static let deletingOnCondition = [
        ObjectStoreContract("a delete with an entity tag takes only the object it names", deletingByTag),
        ObjectStoreContract("of many deletes with one entity tag at least one says that it did it", racingDeletes),
    ]

    static let addressing = [
        ObjectStoreContract("a presigned URL is the same for all who ask, or there is none", presigning)
    ]

    private static func deletingByTag(_ store: any ObjectStore) async throws {
        let first = try await store.put(pattern(10), at: "key")
        let second = try await store.put(pattern(20), at: "key")
        #expect(try await store.delete("key", ifMatch: first.etag) == false)
        #expect(try await store.contents("key") == pattern(20))
        #expect(try await store.delete("absent", ifMatch: second.etag) == false)
        #expect(try await store.delete("key", ifMatch: second.etag))
        #expect(try await store.head("key") == nil)
        #expect(try await store.delete("key", ifMatch: second.etag) == false)
        guard case .unsupportedKey = await storeError({ _ = try await store.delete("a//b", ifMatch: "x") }) else {
            Issue.record("a key that breaks the rules was not refused")
            return
        }
    }

    private static func racingDeletes(_ store: any ObjectStore) async throws {
        for round in 0..<5 {
            let key = ObjectKey("race/\(round)")
            let info = try await store.put(pattern(10), at: key)
            let winners = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<8 { group.addTask { try await store.delete(key, ifMatch: info.etag) } }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(winners >= 1)
            #expect(try await store.head(key) == nil)
        }
    }

    private static func presigning(_ store: any ObjectStore) async throws {
        try await store.put(pattern(10), at: "blobs/a b+c")
        guard let url = try await store.presignedURL(for: "blobs/a b+c") else { return }
        #expect(url.hasPrefix("http"))
        // Three times, because the minutes for which it stays the same may be over just now.
        var same = 0
        for _ in 0..<3 where try await store.presignedURL(for: "blobs/a b+c") == url { same += 1 }
        #expect(same > 0)
        #expect(try await store.presignedURL(for: "blobs/other") != url)
    }
}
