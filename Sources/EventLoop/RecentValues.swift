import Synchronization

/// A bounded memory of what was read or found out, in two generations: what nobody asked for while the younger one
/// filled up is forgotten.
package final class RecentValues<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Entry {
        let value: Value
        let weight: Int
    }

    private struct State {
        var young: [Key: Entry] = [:]
        var old: [Key: Entry] = [:]
        var weight = 0

        mutating func insert(_ entry: Entry, for key: Key, limit: Int) {
            if weight + entry.weight > limit / 2 {
                (old, young, weight) = (young, [:], 0)
            }
            old[key] = nil
            weight += entry.weight - (young.updateValue(entry, forKey: key)?.weight ?? 0)
        }
    }

    private let limit: Int
    private let state = Mutex(State())

    /// `limit`: the weight of everything that is kept, in the caller's units.
    package init(limit: Int) {
        self.limit = limit
    }

    /// The value kept for `key`, which counts as recent from then on.
    package subscript(key: Key) -> Value? {
        state.withLock { state in
            if let entry = state.young[key] { return entry.value }
            guard let entry = state.old[key] else { return nil }
            state.insert(entry, for: key, limit: limit)
            return entry.value
        }
    }

    /// Keeps a value; one that weighs more than half of the limit is not kept.
    package func insert(_ value: Value, for key: Key, weight: Int = 1) {
        guard weight <= limit / 2 else { return remove(key) }
        state.withLock { $0.insert(Entry(value: value, weight: weight), for: key, limit: limit) }
    }

    /// Forgets one value.
    package func remove(_ key: Key) {
        state.withLock { state in
            state.weight -= state.young.removeValue(forKey: key)?.weight ?? 0
            state.old[key] = nil
        }
    }

    /// Forgets everything.
    package func removeAll() {
        state.withLock { $0 = State() }
    }
}
