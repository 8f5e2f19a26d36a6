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

    /// Whether `range` has only bytes that the value of a field may have (RFC 9110, section 5.5).
    ///
    /// Eight at once: tokens make values of some hundred bytes.
    func isFieldValue(_ range: Range<Int>) -> Bool {
        precondition(range.lowerBound >= 0 && range.upperBound <= byteCount)
        var index = range.lowerBound
        while index + 8 <= range.upperBound {
            let word = unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
            guard !Self.mayHaveControl(word) || isFieldValueByBytes(index..<(index + 8)) else { return false }
            index += 8
        }
        return isFieldValueByBytes(index..<range.upperBound)
    }

    private func isFieldValueByBytes(_ range: Range<Int>) -> Bool {
        range.allSatisfy { byte(at: $0).isFieldValueCharacter }
    }

    /// False only if no byte of the word is below 0x20 or 0x7f. A borrow from such a byte may tell of another one, too.
    private static func mayHaveControl(_ word: UInt64) -> Bool {
        let below = (word &- 0x2020_2020_2020_2020) & ~word
        let zeroIfDelete = word ^ 0x7f7f_7f7f_7f7f_7f7f
        let deletes = (zeroIfDelete &- 0x0101_0101_0101_0101) & ~zeroIfDelete
        return (below | deletes) & 0x8080_8080_8080_8080 != 0
    }
}
