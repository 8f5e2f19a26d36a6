/// A movable name for a manifest, `latest` (distribution-spec, "Pulling manifests": the grammar of a tag).
package struct Tag: Hashable, Comparable, CustomStringConvertible, Sendable {
    /// The longest tag in bytes.
    package static let maximumLength = 128

    /// The tag as it was given.
    package let string: String

    package var description: String { string }

    /// Accepts `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
    package init(_ text: String) throws(InvalidTag) {
        guard Self.isValid(text) else { throw InvalidTag(text: text) }
        string = text
    }

    /// Byte order; the text is ASCII, where Swift's order of strings is that of their bytes.
    package static func < (lhs: Tag, rhs: Tag) -> Bool { lhs.string < rhs.string }

    private static func isValid(_ text: String) -> Bool {
        let bytes = text.utf8.span
        guard 1...maximumLength ~= bytes.count, isWord(bytes[0]) else { return false }
        for offset in 1..<bytes.count {
            let byte = bytes[offset]
            guard isWord(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") else { return false }
        }
        return true
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || byte == UInt8(ascii: "_")
    }
}

/// A text that is no tag.
package struct InvalidTag: Error, Equatable, Sendable, CustomStringConvertible {
    /// The text that was given.
    package let text: String

    package var description: String {
        "invalid tag \(text.excerpt): expected 1 to \(Tag.maximumLength) letters, digits and \".\", \"_\", \"-\","
            + " the first of them no dot or dash"
    }
}
