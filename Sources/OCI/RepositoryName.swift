/// The name of a repository, `library/alpine` (distribution-spec, "Pulling manifests": the grammar of `<name>`).
package struct RepositoryName: Hashable, Comparable, CustomStringConvertible, Sendable {
    /// The longest name in bytes; clients allow no more, and each component of it must fit into a file name.
    package static let maximumLength = 255

    /// The name as it was given.
    package let string: String

    package var description: String { string }

    /// Accepts components `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` separated by single slashes, at most 255 bytes together.
    package init(_ text: String) throws(InvalidName) {
        if let problem = Self.problem(in: text) { throw InvalidName(text: text, problem: problem) }
        string = text
    }

    /// Byte order; the text is ASCII, where Swift's order of strings is that of their bytes.
    package static func < (lhs: RepositoryName, rhs: RepositoryName) -> Bool { lhs.string < rhs.string }

    /// What the scanner has just read; a name may only end after a letter or digit.
    private enum State {
        case slash, alphanumeric, dot, underscore, twoUnderscores, dashes
    }

    private static func problem(in text: String) -> InvalidName.Problem? {
        let bytes = text.utf8.span
        guard !bytes.isEmpty else { return .empty }
        guard bytes.count <= maximumLength else { return .tooLong }
        var state = State.slash
        for offset in bytes.indices {
            guard let next = next(after: state, reading: bytes[offset]) else { return .unexpected(offset: offset) }
            state = next
        }
        return state == .alphanumeric ? nil : .incomplete
    }

    private static func next(after state: State, reading byte: UInt8) -> State? {
        if isLowerAlphanumeric(byte) { return .alphanumeric }
        return switch (byte, state) {
        case (UInt8(ascii: "/"), .alphanumeric): .slash
        case (UInt8(ascii: "."), .alphanumeric): .dot
        case (UInt8(ascii: "_"), .alphanumeric): .underscore
        case (UInt8(ascii: "_"), .underscore): .twoUnderscores
        case (UInt8(ascii: "-"), .alphanumeric), (UInt8(ascii: "-"), .dashes): .dashes
        default: nil
        }
    }
}

/// Why a text is no repository name.
package struct InvalidName: Error, Equatable, Sendable, CustomStringConvertible {
    /// Which rule is broken.
    package enum Problem: Equatable, Sendable {
        case empty
        case tooLong
        /// The byte at this offset cannot stand where it does.
        case unexpected(offset: Int)
        /// The text ends in a separator.
        case incomplete
    }

    /// The text that was given.
    package let text: String
    /// The first rule that it breaks.
    package let problem: Problem

    package var description: String {
        let rule =
            "components of lower-case letters and digits joined by \".\", \"_\", \"__\" or dashes, separated by \"/\""
        return switch problem {
        case .empty: "invalid repository name: it is empty"
        case .tooLong: "invalid repository name \(text.excerpt): longer than \(RepositoryName.maximumLength) bytes"
        case .unexpected(let offset): "invalid repository name \(text.excerpt) at byte \(offset): expected \(rule)"
        case .incomplete: "invalid repository name \(text.excerpt): it ends in a separator; expected \(rule)"
        }
    }
}
