import ObjectStorage
import Testing

extension ObjectStoreContract {
    static let racing = [
        ObjectStoreContract("of many puts with the condition absent one wins", onePut),
        ObjectStoreContract("of many commits and composes with the condition absent one wins", oneCommit),
        ObjectStoreContract("of many composes of one source those that succeed have its bytes", sharedSource),
        ObjectStoreContract("a reader never sees a torn or mixed object", atomicReplacement),
        ObjectStoreContract("a reader never sees an older object than one before", monotoneReads),
        ObjectStoreContract("puts succeed while deletes empty their directories", emptiedDirectories),
        ObjectStoreContract("a listing shows every object that stays while others come and go", stableListing),
    ]

    private static func onePut(_ store: any ObjectStore) async throws {
        // Several times: who is late by a moment is refused for a reason that proves nothing.
        for (round, size) in [0, 10, 100_000, 0, 10, 100_000, 0, 10, 10].enumerated() {
            let key = ObjectKey("race/\(round)/one")
            let winners = try await winners(of: 32) { number in
                try await store.put(pattern(size, seed: number), at: key, ObjectMetadata(), .absent)
            }
            try #require(winners.count == 1)
            #expect(try await store.contents(key) == pattern(size, seed: winners[0]))
        }
    }

    private static func oneCommit(_ store: any ObjectStore) async throws {
        for number in 0..<8 {
            try await store.put(pattern(10, seed: number), at: ObjectKey("part/\(number)"))
        }
        let winners = try await winners(of: 32) { number in
            let (key, metadata) = (ObjectKey("race/one"), ObjectMetadata(contentType: "number/\(number)"))
            if number < 8 {
                try await store.compose(
                    [ObjectKey("part/\(number)")], keeping: [], at: key, metadata: metadata, condition: .absent)
            } else {
                let writer = try await store.writer(expecting: key, size: nil)
                try await writer.append(pattern(10, seed: number).span.bytes)
                try await writer.commit(to: key, metadata: metadata, condition: .absent)
            }
        }
        try #require(winners.count == 1)
        #expect(try await store.contents("race/one") == pattern(10, seed: winners[0]))
        #expect(try await store.head("race/one")?.metadata.contentType == "number/\(winners[0])")
        #expect(try await store.keys().count == (winners[0] < 8 ? 8 : 9))
    }

    static let exclusiveComposing = [
        ObjectStoreContract("of many composes of one source one finds it") { store in
            for round in 0..<20 {
                let winners = try await composers(round, store)
                #expect(winners.count == 1)
            }
        }
    ]

    private static func sharedSource(_ store: any ObjectStore) async throws {
        for round in 0..<10 {
            let winners = try await composers(round, store)
            #expect(!winners.isEmpty)
            for key in winners { #expect(try await store.contents(key) == pattern(10)) }
            #expect(try await store.keys().filter { $0.hasPrefix("part/") }.isEmpty)
        }
    }

    /// Lets eight tasks compose something of the same source and returns the keys of those that could.
    private static func composers(_ round: Int, _ store: any ObjectStore) async throws -> [ObjectKey] {
        let source = ObjectKey("part/\(round)/one")
        try await store.put(pattern(10), at: source)
        return try await withThrowingTaskGroup(of: ObjectKey?.self) { group in
            for number in 0..<8 {
                group.addTask {
                    let key = ObjectKey("made/\(round)/\(number)")
                    do {
                        try await compose(source, at: key, in: store)
                        return key
                    } catch ObjectStoreError.noSuchKey(source) {
                        #expect(try await store.head(key) == nil)
                        return nil
                    }
                }
            }
            return try await group.reduce(into: []) { $0 += [$1].compactMap(\.self) }
        }
    }

    private static func compose(_ source: ObjectKey, at key: ObjectKey, in store: any ObjectStore) async throws {
        try await store.compose([source], keeping: [], at: key, metadata: ObjectMetadata(), condition: .always)
    }

    /// Runs `body` so often at once and returns the numbers of those that were not refused by their condition.
    private static func winners(
        of count: Int, _ body: @escaping @Sendable (Int) async throws -> Void
    ) async throws -> [Int] {
        try await withThrowingTaskGroup(of: Int?.self) { group in
            for number in 0..<count {
                group.addTask {
                    do {
                        try await body(number)
                        return number
                    } catch ObjectStoreError.preconditionFailed {
                        return nil
                    }
                }
            }
            return try await group.reduce(into: []) { winners, number in
                if let number { winners.append(number) }
            }
        }
    }

    private static func atomicReplacement(_ store: any ObjectStore) async throws {
        // Both sides of the size up to which a store may keep an object in memory.
        let sizes = [1, 60_000, 70_000, 200_000]
        let key: ObjectKey = "torn/key"
        @Sendable func write(_ number: Int) async throws {
            let bytes = [UInt8](repeating: UInt8(number % 256), count: sizes[number % 4])
            let metadata = ObjectMetadata(contentType: "size/\(bytes.count)")
            if number % 3 == 0 {
                let writer = try await store.writer(expecting: key, size: nil)
                try await writer.append(bytes.span.bytes)
                try await writer.commit(to: key, metadata: metadata, condition: .always)
            } else {
                try await store.put(bytes, at: key, metadata)
            }
        }
        @Sendable func isWhole(_ bytes: [UInt8], _ info: ObjectInfo) -> Bool {
            bytes.count == info.size && sizes.contains(info.size) && bytes.allSatisfy { $0 == bytes[0] }
                && info.metadata.contentType == "size/\(info.size)"
        }
        try await write(0)
        try await whileWriting({ for number in 1..<60 { try await write(number) } }) {
            let small = try #require(try await store.bytes(of: key, limit: 200_000))
            #expect(isWhole(small.bytes, small.info))
            let object = try #require(try await store.get(key, range: nil))
            #expect(try isWhole(await object.body.allBytes, object.info))
        }
    }

    private static func monotoneReads(_ store: any ObjectStore) async throws {
        let key: ObjectKey = "counter"
        @Sendable func number() async throws -> Int {
            let bytes = try await store.bytes(of: key, limit: 100)?.bytes ?? []
            return Int(String(decoding: bytes, as: UTF8.self)) ?? -1
        }
        try await store.put(Array("1000".utf8), at: key)
        try await whileWriting({
            for value in 1001..<1100 {
                try await store.put(Array("\(value)".utf8), at: key)
                let seen = try await number()
                #expect(seen == value)
            }
        }) {
            let first = try await number()
            let second = try await number()
            #expect(1000 <= first && first <= second)
        }
    }

    /// Runs `readOnce` again and again, in two tasks, as long as `write` runs.
    private static func whileWriting(
        _ write: @escaping @Sendable () async throws -> Void, _ readOnce: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup { group in
            for _ in 0..<2 {
                group.addTask {
                    while !Task.isCancelled {
                        do { try await readOnce() } catch is CancellationError where Task.isCancelled { return }
                        await Task.yield()
                    }
                }
            }
            try await write()
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    private static func emptiedDirectories(_ store: any ObjectStore) async throws {
        try await withThrowingTaskGroup { group in
            for task in 0..<8 {
                group.addTask {
                    let key = ObjectKey("deep/er/and/deeper/\(task)")
                    for round in 0..<25 {
                        let bytes = pattern(round % 2 * 10, seed: task)
                        try await store.put(bytes, at: key, ObjectMetadata(), round % 3 == 0 ? .absent : .always)
                        #expect(try await store.bytes(of: key, limit: 100)?.bytes == bytes)
                        try await store.delete([key])
                        #expect(try await store.head(key) == nil)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await store.keys().isEmpty)
    }

    private static func stableListing(_ store: any ObjectStore) async throws {
        let stable = (10..<40).map { "d\($0 % 3)/\($0)" }.sorted()
        for key in stable { try await store.put([], at: ObjectKey(key)) }
        try await whileWriting({
            for round in 0..<40 {
                let key = ObjectKey("d\(round % 3)/\(round % 7)-passing")
                try await store.put(pattern(round % 2), at: key)
                if round % 2 == 1 { try await store.delete([key]) }
            }
        }) {
            let keys = try await store.keys()
            #expect(keys.filter { !$0.hasSuffix("passing") } == stable)
        }
    }
}
