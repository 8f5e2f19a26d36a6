import Glibc

extension RawSpan {
    func byte(at index: Int) -> UInt8 {
        precondition(index >= 0 && index < byteCount)
        return unsafeLoad(fromByteOffset: index, as: UInt8.self)
    }

    /// The first place of `byte` at or after `start`.
    func firstIndex(of byte: UInt8, from start: Int) -> Int? {
        firstIndex(of: byte, in: start..<Swift.max(start, byteCount))
    }

    /// The first place of `byte` in `range`.
    func firstIndex(of byte: UInt8, in range: Range<Int>) -> Int? {
        guard !range.isEmpty else { return nil }
        precondition(range.upperBound <= byteCount)
        return withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress, let found = memchr(base + range.lowerBound, CInt(byte), range.count)
            else { return nil }
            return UnsafeRawPointer(found) - base
        }
    }

    /// Whether `text` stands at `start`.
    func equals(_ start: Int, _ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard start + count <= byteCount else { return false }
        return withUnsafeBytes { memcmp($0.baseAddress! + start, text.utf8Start, count) == 0 }
    }
}
