import Synchronization

/// What was read at a key, and the file's state then.
final class CachedObject: Sendable {
    let key: ObjectKey
    let identity: FileIdentity
    let info: ObjectInfo
    /// nil when only the metadata was read.
    let bytes: [UInt8]?

    init(key: ObjectKey, identity: FileIdentity, info: ObjectInfo, bytes: [UInt8]?) {
        self.key = key
        self.identity = identity
        self.info = info
        self.bytes = bytes
    }

    /// What it costs to keep, in bytes: key, entity tag, metadata and table entries take about 512.
    var weight: Int { (bytes?.count ?? 0) + 512 }
}

/// Small objects and the metadata of large ones, within a limit of memory; shared by all threads.
///
/// Replacement is the clock algorithm: a hand goes round, spares once what was used since it last came by.
final class ObjectCache: Sendable {
    fileprivate struct Slot {
        var object: CachedObject?
        var wasUsed = false
    }

    fileprivate struct State {
        var indices: [ObjectKey: Int] = [:]
        var slots: [Slot] = []
        var free: [Int] = []
        var hand = 0
        var weight = 0
    }

    private let limit: Int
    private let state = Mutex(State())

    /// `limit`: in bytes.
    init(limit: Int) {
        self.limit = limit
    }

    subscript(key: ObjectKey) -> CachedObject? {
        state.withLock { state in
            guard let index = state.indices[key] else { return nil }
            state.slots[index].wasUsed = true
            return state.slots[index].object
        }
    }

    /// The weight of everything in it, in bytes.
    var weight: Int { state.withLock { $0.weight } }

    func insert(_ object: CachedObject) {
        guard object.weight <= limit else { return }
        state.withLock { state in
            state.remove(object.key)
            while state.weight + object.weight > limit { state.advance() }
            state.insert(object)
        }
    }

    func remove(_ key: ObjectKey) {
        state.withLock { $0.remove(key) }
    }
}

extension ObjectCache.State {
    fileprivate mutating func insert(_ object: CachedObject) {
        let slot = ObjectCache.Slot(object: object)
        let index: Int
        if let unused = free.popLast() {
            index = unused
            slots[index] = slot
        } else {
            index = slots.count
            slots.append(slot)
        }
        indices[object.key] = index
        weight += object.weight
    }

    fileprivate mutating func remove(_ key: ObjectKey) {
        guard let index = indices.removeValue(forKey: key), let object = slots[index].object else { return }
        weight -= object.weight
        slots[index] = ObjectCache.Slot()
        free.append(index)
    }

    /// Moves the hand on by one slot.
    fileprivate mutating func advance() {
        if hand >= slots.count { hand = 0 }
        if slots[hand].wasUsed {
            slots[hand].wasUsed = false
        } else if let object = slots[hand].object {
            remove(object.key)
        }
        hand += 1
    }
}
