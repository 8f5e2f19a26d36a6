import ObjectStorage
import Testing

extension ObjectStoreContract {
    static let listing = [
        ObjectStoreContract("a listing is in byte order of the whole key", byteOrder),
        ObjectStoreContract("a listing tells sizes, times and entity tags", listedDetails),
        ObjectStoreContract("a listing of what cannot be is empty", emptyListings),
        ObjectStoreContract("prefix, after and limit select like a sorted list of keys", randomTree),
    ]

    private static func byteOrder(_ store: any ObjectStore) async throws {
        let keys = [
            "1.0+x/a", "1.0-alpine/x", "1.0.1/x", "1.0/x", "1.0/y/z", "1.0/y0", "1.00/x", "10", "A/x", "a!", "a-/x",
            "a/x", "a0", "a\u{7F}", "a\u{E9}/x", "b",
        ]
        for key in keys.reversed() { try await store.put([], at: ObjectKey(key)) }
        #expect(try await store.keys() == keys)
        for (index, key) in keys.enumerated() {
            let rest = try await store.list(prefix: "", after: key, limit: 100)
            #expect(rest.objects.map(\.key.string) == Array(keys[(index + 1)...]))
            #expect(!rest.isTruncated)
        }
    }

    private static func listedDetails(_ store: any ObjectStore) async throws {
        for size in [0, 10, 100_000] { try await store.put(pattern(size), at: ObjectKey("size/\(size)")) }
        for object in try await store.list(prefix: "size/", after: nil, limit: 10).objects {
            let info = try await store.head(object.key)
            #expect(object.key.string == "size/\(object.size)")
            #expect(info?.size == object.size)
            #expect(info?.modified == object.modified)
            #expect(object.etag == nil || object.etag == info?.etag)
        }
    }

    private static func emptyListings(_ store: any ObjectStore) async throws {
        let nothing = ObjectListing(objects: [], isTruncated: false)
        #expect(try await store.list(prefix: "", after: nil, limit: 10) == nothing)
        try await store.put([], at: "a/b/c")
        let long = String(repeating: "x", count: 5000)
        for prefix in [
            "b", "a/b/c/", "a/b/cc", "a//", "/", "//", "./", "../", "a/../", "a/./", "a/b\0", "\0", "\0/", long,
            "\(long)/",
        ] {
            #expect(try await store.list(prefix: prefix, after: nil, limit: 10).objects.isEmpty, "'\(prefix)'")
        }
        for after in ["a/b/c", "a/b/c\0", "a/b/c/d", "a/c", "b", long] {
            #expect(try await store.list(prefix: "", after: after, limit: 10).objects.isEmpty, "'\(after)'")
        }
        for after in ["", "\0", "/", "a", "a/", "a//", "a/.", "a/b", "a/b/", "a/b/b\(long)", "a/../z"] {
            #expect(try await store.list(prefix: "", after: after, limit: 10).objects.count == 1, "'\(after)'")
        }
        #expect(try await store.list(prefix: "a", after: nil, limit: 0).isTruncated)
        #expect(try await store.list(prefix: "b", after: nil, limit: 0).isTruncated == false)
    }

    private static func randomTree(_ store: any ObjectStore) async throws {
        var generator = SeededGenerator(for: "randomTree")
        let model = randomKeys(count: 250, using: &generator)
        for key in model.shuffled(using: &generator) { try await store.put([], at: ObjectKey(key)) }
        for _ in 0..<300 {
            let prefix = randomText(model, using: &generator)
            let limit = Int.random(in: 1...20, using: &generator)
            var after = Bool.random(using: &generator) ? randomText(model, using: &generator) : nil
            var expected = model.filter { key in
                key.utf8.starts(with: prefix.utf8) && after.map { precedes($0, key) } ?? true
            }
            repeat {
                let page = try await store.list(prefix: prefix, after: after, limit: limit)
                let keys = Array(expected.prefix(limit))
                expected.removeFirst(keys.count)
                try #require(
                    page.objects.map(\.key.string) == keys && page.isTruncated == !expected.isEmpty,
                    "prefix '\(prefix)' after '\(after ?? "nil")' limit \(limit)")
                after = keys.last
            } while !expected.isEmpty
        }
    }

    private static func precedes(_ one: String, _ other: String) -> Bool {
        one.utf8.lexicographicallyPrecedes(other.utf8)
    }

    /// Keys in byte order, none of which is a directory of another.
    private static func randomKeys(count: Int, using generator: inout SeededGenerator) -> [String] {
        var keys: Set<String> = []
        var directories: Set<String> = []
        while keys.count < count {
            let parts = (0..<Int.random(in: 1...4, using: &generator)).map { _ in randomComponent(&generator) }
            let parents = (1...parts.count).map { parts.prefix($0).joined(separator: "/") }.dropLast()
            let key = parts.joined(separator: "/")
            if directories.contains(key) || parents.contains(where: keys.contains) { continue }
            keys.insert(key)
            directories.formUnion(parents)
        }
        return keys.sorted(by: precedes)
    }

    /// Few letters, those around "/" in byte order among them, so that neighbours are frequent.
    private static func randomComponent(_ generator: inout SeededGenerator) -> String {
        while true {
            let letters = (0..<Int.random(in: 1...3, using: &generator)).map { _ in
                "-.0ab\u{E9}".randomElement(using: &generator) ?? "a"
            }
            let component = String(letters)
            if component != "." && component != ".." { return component }
        }
    }

    /// A piece of a key, or something like one.
    private static func randomText(_ keys: [String], using generator: inout SeededGenerator) -> String {
        let key = keys.randomElement(using: &generator) ?? ""
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: return ""
        case 1: return key
        case 2: return String(key.prefix(Int.random(in: 0...key.count, using: &generator)))
        default:
            return String(key.prefix(Int.random(in: 0...key.count, using: &generator)))
                + (["/", "-", ".", "0", "//", "/./", "\u{7F}"].randomElement(using: &generator) ?? "")
        }
    }
}
