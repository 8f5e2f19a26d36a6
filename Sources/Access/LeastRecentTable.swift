/// A table of fixed capacity: whoever was not looked after for the longest time makes room.
struct LeastRecentTable<Key: Hashable, Value> {
    private struct Slot {
        var key: Key
        var value: Value
        /// Slots that were changed just before and just after this one; -1 at the ends.
        var older: Int
        var newer: Int
    }

    private let capacity: Int
    private var slots: [Slot] = []
    private var places: [Key: Int] = [:]
    private var oldest = -1
    private var newest = -1

    /// `capacity`: entries, at least 1.
    init(capacity: Int) {
        self.capacity = max(1, capacity)
    }

    var count: Int { slots.count }

    /// The value as it is; does not make the entry younger.
    subscript(key: Key) -> Value? { places[key].map { slots[$0].value } }

    /// Changes the value, or `new` when there is none, and makes the entry the youngest.
    mutating func update<Result>(
        _ key: Key, new: @autoclosure () -> Value, _ body: (inout Value) -> Result
    ) -> Result {
        let place: Int
        if let known = places[key] {
            place = known
            unlink(place)
        } else {
            place = makePlace(for: key, new())
        }
        link(place)
        return body(&slots[place].value)
    }

    private mutating func makePlace(for key: Key, _ value: Value) -> Int {
        var place = slots.count
        if place < capacity {
            slots.append(Slot(key: key, value: value, older: -1, newer: -1))
        } else {
            place = oldest
            unlink(place)
            places[slots[place].key] = nil
            slots[place].key = key
            slots[place].value = value
        }
        places[key] = place
        return place
    }

    private mutating func unlink(_ place: Int) {
        let (older, newer) = (slots[place].older, slots[place].newer)
        if older >= 0 { slots[older].newer = newer } else { oldest = newer }
        if newer >= 0 { slots[newer].older = older } else { newest = older }
    }

    private mutating func link(_ place: Int) {
        slots[place].older = newest
        slots[place].newer = -1
        if newest >= 0 { slots[newest].newer = place } else { oldest = place }
        newest = place
    }
}
