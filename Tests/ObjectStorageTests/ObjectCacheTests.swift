import Glibc
import TestSupport
import Testing

@testable import ObjectStorage

struct ObjectCacheTests {
    private func object(_ key: String, size: Int) -> CachedObject {
        CachedObject(
            key: ObjectKey(key), identity: FileIdentity(stat()),
            info: ObjectInfo(size: size, etag: "", modified: 0, metadata: ObjectMetadata()),
            bytes: [UInt8](repeating: 1, count: size))
    }

    @Test func keepsWithinItsLimit() {
        var generator = SeededGenerator(for: "keepsWithinItsLimit")
        let cache = ObjectCache(limit: 50_000)
        var last: [String: CachedObject] = [:]
        for _ in 0..<20_000 {
            let key = String(Int.random(in: 0..<200, using: &generator))
            switch Int.random(in: 0..<5, using: &generator) {
            case 0:
                cache.remove(ObjectKey(key))
                #expect(cache[ObjectKey(key)] == nil)
            case 1...2:
                let inserted = object(key, size: Int.random(in: 0...4000, using: &generator))
                last[key] = inserted
                cache.insert(inserted)
                #expect(cache[ObjectKey(key)] === inserted)
            default:
                if let found = cache[ObjectKey(key)] { #expect(found === last[key]) }
            }
            #expect(cache.weight <= 50_000)
        }
        for key in 0..<200 { cache.remove(ObjectKey(String(key))) }
        #expect(cache.weight == 0)
    }

    @Test func keepsWhatIsUsed() {
        let cache = ObjectCache(limit: 20 * 1512)
        cache.insert(object("hot", size: 1000))
        for number in 0..<1000 {
            #expect(cache["hot"] != nil)
            cache.insert(object("cold \(number)", size: 1000))
        }
    }

    @Test func takesNothingLargerThanItself() {
        for limit in [0, 100, 1511] {
            let cache = ObjectCache(limit: limit)
            cache.insert(object("key", size: 1000))
            #expect(cache["key"] == nil)
            #expect(cache.weight == 0)
        }
    }

    @Test func keysAreBytes() {
        let composed: ObjectKey = "caf\u{E9}"
        let decomposed: ObjectKey = "cafe\u{301}"
        #expect(composed.string == decomposed.string)
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed]).count == 2)
        #expect(decomposed < composed)
        #expect(composed == ObjectKey("caf" + "\u{E9}"))
        #expect(composed.hashValue == ObjectKey("caf" + "\u{E9}").hashValue)
    }
}
