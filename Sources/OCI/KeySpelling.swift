/// The keys of an object in the spelling that counts.
///
/// Go's JSON decoder ignores the case of keys, even beyond ASCII. Of `digest` and `Digest` in one object, Go programs read
/// the last, others the one spelled right; so what was checked here need not be what a client pulls.
struct KeySpelling: Sendable {
    private let spellings: [String: String]

    /// The given keys, which differ in more than case.
    init(_ keys: [String]) {
        spellings = [String: String](uniqueKeysWithValues: keys.map { (Self.folded($0), $0) })
    }

    /// The key that a Go program would take this one for, although it is spelled differently.
    func intended(by key: String) -> String? {
        guard let spelling = spellings[Self.folded(key)], spelling != key else { return nil }
        return spelling
    }

    private static func folded(_ key: String) -> String {
        // Upper case first, because only that joins U+017F with "s".
        key.uppercased().lowercased()
    }
}
