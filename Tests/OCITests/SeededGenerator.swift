import Foundation

/// A small generator (SplitMix64) whose runs can be repeated: the seed is printed, and `STOWAGE_TEST_SEED` sets it.
struct SeededGenerator: RandomNumberGenerator {
    let seed: UInt64
    private var state: UInt64

    init(for test: String) {
        let given = ProcessInfo.processInfo.environment["STOWAGE_TEST_SEED"].flatMap { UInt64($0) }
        seed = given ?? UInt64.random(in: .min ... .max)
        state = seed
        print("\(test): STOWAGE_TEST_SEED=\(seed)")
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// The bytes with one to four random edits: a byte changed, removed, inserted, or a stretch repeated or cut.
    mutating func mutated(_ original: [UInt8], alphabet: [UInt8]) -> [UInt8] {
        var bytes = original
        for _ in 0..<Int.random(in: 1...4, using: &self) {
            let offset = Int.random(in: 0...bytes.count, using: &self)
            let end = Int.random(in: offset...bytes.count, using: &self)
            let byte = alphabet.randomElement(using: &self) ?? 0
            switch Int.random(in: 0..<5, using: &self) {
            case 0 where offset < bytes.count: bytes[offset] = byte
            case 1 where offset < bytes.count: bytes.remove(at: offset)
            case 2: bytes.insert(byte, at: offset)
            case 3 where bytes.count < 4096: bytes.insert(contentsOf: bytes[offset..<end], at: offset)
            default: bytes.removeSubrange(offset..<min(end, offset + 8))
            }
        }
        return bytes
    }
}
