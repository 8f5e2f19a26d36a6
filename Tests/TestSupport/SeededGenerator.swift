import Glibc

/// A generator of random numbers (SplitMix64) whose runs can be repeated: the seed is printed, and the environment
/// variable `STOWAGE_TEST_SEED` sets it.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// `test`: what the printed line begins with.
    package init(for test: String) {
        let given = getenv("STOWAGE_TEST_SEED").flatMap { UInt64(String(cString: $0)) }
        state = given ?? UInt64.random(in: .min ... .max)
        print("\(test): STOWAGE_TEST_SEED=\(state)")
    }

    /// A generator whose seed comes from another one.
    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
