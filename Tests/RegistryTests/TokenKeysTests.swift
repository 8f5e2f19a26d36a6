import ObjectStorage
import TestSupport
import Testing

@testable import Registry

/// The keys of tokens that replicas share: one at the beginning, then changes nobody notices.
struct TokenKeysTests {
    private static let start = 1_800_000_000
    private static let schedule: TokenKeys.Schedule = {
        var schedule = TokenKeys.Schedule(tokenLifetime: 7 * 86_400)
        schedule.rotation = 30 * 86_400
        schedule.settling = 900
        return schedule
    }()

    private func replica(_ store: any ObjectStore, readOnly: Bool = false) -> TokenKeys {
        TokenKeys(store: store, readOnly: readOnly, schedule: Self.schedule)
    }

    /// The key that signs at `now`: the youngest whose time has come.
    private func signer(_ keys: [TokenKey], _ now: Int) -> TokenKey? {
        keys.filter { $0.signsFrom <= now }.max { $0.signsFrom < $1.signsFrom }
    }

    @Test("replicas that start at once agree on one key", arguments: StoreKind.allCases)
    func race(kind: StoreKind) async throws {
        let store = try TestStore(kind)
        let all = try await withThrowingTaskGroup { group in
            for _ in 0..<8 {
                let replica = replica(try store.reopened())
                group.addTask { try await replica.refresh(now: Self.start) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(all).count == 1)
        #expect(all[0].count == 1 && all[0][0].secret.count == 32)
        #expect(signer(all[0], Self.start) == all[0][0])
        #expect(try await store.store.keys() == ["registry/_keys/tokens/00000001"])
        let again = try await replica(try store.reopened()).refresh(now: Self.start + 1)
        #expect(again == all[0])
    }

    @Test("replicas that change the key at once agree on the next one", arguments: StoreKind.allCases)
    func rotationRace(kind: StoreKind) async throws {
        let store = try TestStore(kind)
        let first = try await replica(store.store).refresh(now: Self.start)
        let due = Self.start + Self.schedule.rotation
        #expect(try await replica(store.store).refresh(now: due - 1) == first)
        let all = try await withThrowingTaskGroup { group in
            for _ in 0..<8 {
                let replica = replica(try store.reopened())
                group.addTask { try await replica.refresh(now: due) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(all).count == 1)
        #expect(all[0].count == 2 && all[0][0] == first[0])
        #expect(signer(all[0], due + Self.schedule.settling - 1) == first[0])
        #expect(signer(all[0], due + Self.schedule.settling) == all[0][1])
    }

    @Test("through a year of changes every token is known to every replica until it expires")
    func year() async throws {
        var generator = SeededGenerator(for: "token keys")
        let store = MemoryObjectStore()
        let replicas = (0..<3).map { _ in replica(store) }
        var known = [[TokenKey]](repeating: [], count: 3)
        var due = [Int](repeating: Self.start, count: 3)
        // Each key that signed, and when the last token of it expires.
        var signed: [TokenKey: Int] = [:]
        var now = Self.start
        while now < Self.start + 365 * 86_400 {
            for index in replicas.indices where due[index] <= now {
                known[index] = try await replicas[index].refresh(now: now)
                due[index] = now + Self.schedule.refreshInterval + Int.random(in: 0..<60, using: &generator)
            }
            for keys in known {
                let key = try #require(signer(keys, now))
                signed[key] = now + Self.schedule.tokenLifetime
            }
            let current = signed.filter { $0.value > now }.keys
            for keys in known { #expect(current.allSatisfy(keys.contains), "\(now - Self.start)") }
            // Close steps around the changes, and long ones between them.
            let isCalm = known.allSatisfy { $0.count == 1 }
            now += Int.random(in: 1...(isCalm ? 40_000 : 400), using: &generator)
        }
        #expect(signed.count >= 12)
        #expect(known[0].count <= 2)
        #expect(try await store.keys().count <= 2)
    }

    @Test("a registry that may not write uses the keys that are there, or one of its own that lasts")
    func readOnly() async throws {
        let store = MemoryObjectStore()
        let reader = replica(store, readOnly: true)
        let own = try await reader.refresh(now: Self.start)
        #expect(try await reader.refresh(now: Self.start + 100) == own)
        #expect(try await store.keys() == [])
        let shared = try await replica(store).refresh(now: Self.start)
        #expect(shared != own)
        #expect(try await reader.refresh(now: Self.start + 10 * Self.schedule.rotation) == shared)
    }

    @Test("an object that is no key is an error with its name, and junk beside the keys is passed over")
    func damage() async throws {
        let store = MemoryObjectStore()
        let keys = try await replica(store).refresh(now: Self.start)
        for junk in ["registry/_keys/tokens/x", "registry/_keys/tokens/2", "registry/_keys/tokens/00000002/x"] {
            try await store.put([1], at: ObjectKey(junk), metadata: ObjectMetadata(), condition: .always)
        }
        #expect(try await replica(store).refresh(now: Self.start) == keys)
        for text in ["", "x", "1800000000", "1800000000 AAAA\n", "-1 " + String(repeating: "A", count: 43) + "\n"] {
            let key = ObjectKey("registry/_keys/tokens/00000003")
            try await store.put(Array(text.utf8), at: key, metadata: ObjectMetadata(), condition: .always)
            let error = await #expect(throws: ObjectStoreError.self) {
                try await replica(store).refresh(now: Self.start)
            }
            #expect(error?.description.contains("\(key) is no token key; remove it") == true)
        }
    }
}
