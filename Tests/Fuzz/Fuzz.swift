import Glibc

/// A parser under fuzzing: bytes in, a trap when a property does not hold.
struct FuzzTarget: Sendable {
    let name: String
    let run: @Sendable ([UInt8]) -> Void

    static let all: [FuzzTarget] = [
        .heads, .chunks, .ranges, .names, .digests, .references, .manifests, .paths, .globs, .rules,
        .tokens,
    ]

    /// The one the environment names, as Tests/Tools/fuzz.sh sets it.
    static let selected: FuzzTarget = {
        let name = getenv("STOWAGE_FUZZ_TARGET").map { String(cString: $0) } ?? ""
        guard let target = all.first(where: { $0.name == name }) else {
            fatalError("STOWAGE_FUZZ_TARGET must be one of: \(all.map(\.name).joined(separator: " "))")
        }
        return target
    }()

    /// The text of `bytes`, or nil when they are not UTF-8: the parsers of text never see such bytes.
    static func text(_ bytes: [UInt8]) -> String? { String(validating: bytes, as: UTF8.self) }
}

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    FuzzTarget.selected.run(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
