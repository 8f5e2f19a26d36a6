package import OCI

/// A pattern for names, with asterisks. Exists only if something can match it.
///
/// In a pattern for repositories `*` is any text within one segment, also none, and `**`, which stands alone between
/// slashes, any number of segments: `**` is every repository, `team/**` every one below `team` but not `team` itself, and
/// `team/**/app` also `team/app`. In patterns for tags and other names `*` is any text at all.
package struct Glob: Hashable, Sendable, CustomStringConvertible {
    /// The longest pattern for names that are neither repositories nor tags, in bytes.
    package static let maximumLength = 512

    /// The text's bytes, with tokens in the place of asterisks.
    private let pattern: [UInt8]

    package var description: String { text }

    /// The pattern as it was given.
    package var text: String {
        var bytes: [UInt8] = []
        for byte in pattern {
            switch byte {
            case Token.withinSegment, Token.anything: bytes.append(UInt8(ascii: "*"))
            case Token.segments: bytes += "**/".utf8
            case Token.rest: bytes += "**".utf8
            default: bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Bytes that no UTF-8 has.
    private enum Token {
        /// Any text without a slash.
        static let withinSegment: UInt8 = 0xFC
        /// Any number of segments, each with the slash after it.
        static let segments: UInt8 = 0xFD
        /// Any text to the end, but not none.
        static let rest: UInt8 = 0xFE
        /// Any text.
        static let anything: UInt8 = 0xFF
    }

    /// A pattern for repository names.
    package init(repositories text: String) throws(InvalidGlob) {
        if let reason = Self.problem(inRepositories: text) { throw InvalidGlob(text: text, reason: reason) }
        let segments = text.utf8.split(separator: UInt8(ascii: "/"))
        var pattern: [UInt8] = []
        for (index, segment) in segments.enumerated() {
            let isLast = index == segments.count - 1
            if segment.elementsEqual("**".utf8) {
                pattern.append(isLast ? Token.rest : Token.segments)
            } else {
                pattern += segment.map { $0 == UInt8(ascii: "*") ? Token.withinSegment : $0 }
                if !isLast { pattern.append(UInt8(ascii: "/")) }
            }
        }
        self.pattern = pattern
    }

    /// A pattern for tags.
    package init(tags text: String) throws(InvalidGlob) {
        if let reason = Self.problem(inTags: text) { throw InvalidGlob(text: text, reason: reason) }
        self.init(unchecked: text)
    }

    /// A pattern for any other names: of users, or values of claims.
    package init(names text: String) throws(InvalidGlob) {
        if let reason = Self.problem(inNames: text) { throw InvalidGlob(text: text, reason: reason) }
        self.init(unchecked: text)
    }

    private init(unchecked text: String) {
        pattern = text.utf8.map { $0 == UInt8(ascii: "*") ? Token.anything : $0 }
    }

    /// Whether every name matches.
    package var matchesAll: Bool {
        pattern.count == 1 && (pattern[0] == Token.rest || pattern[0] == Token.anything)
    }

    /// Whether only the text itself matches.
    package var isExact: Bool { pattern.allSatisfy { $0 < Token.withinSegment } }

    package func matches(_ repository: RepositoryName) -> Bool { matches(repository.string.utf8.span) }
    package func matches(_ tag: Tag) -> Bool { matches(tag.string.utf8.span) }
    package func matches(_ name: String) -> Bool { matches(name.utf8.span) }

    /// Takes at most some times as many steps as the product of both lengths, and allocates nothing.
    func matches(_ name: Span<UInt8>) -> Bool { Self.matches(pattern.span, name) }

    private static func matches(_ pattern: Span<UInt8>, _ name: Span<UInt8>) -> Bool {
        var walk = Walk()
        while walk.element < pattern.count || walk.position < name.count {
            if walk.element < pattern.count {
                switch pattern[walk.element] {
                case Token.rest: return walk.position < name.count
                case Token.segments:
                    walk.enterSegments()
                    continue
                case let token where token == Token.withinSegment || token == Token.anything:
                    walk.enterAsterisk(stopsAtSlash: token == Token.withinSegment)
                    continue
                case let byte where walk.position < name.count && byte == name[walk.position]:
                    walk.pass()
                    continue
                default: break
                }
            }
            guard walk.resume(in: name) else { return false }
        }
        return true
    }

    /// How far a comparison of a pattern with a name has come.
    ///
    /// Only the last asterisk is ever tried again with a longer text: what an earlier one could take, it can take as
    /// well. Behind it, only the last `**` is, which goes on at the next segment.
    private struct Walk {
        private(set) var element = 0
        private(set) var position = 0
        /// The element behind the last asterisk, 0 for none, and where its text ends in the name.
        private var asterisk = 0
        private var asteriskEnd = 0
        private var stopsAtSlash = false
        /// The element behind the last `**`, 0 for none, and where its text ends in the name.
        private var segments = 0
        private var segmentsEnd = 0

        mutating func pass() {
            element += 1
            position += 1
        }

        mutating func enterAsterisk(stopsAtSlash: Bool) {
            element += 1
            (asterisk, asteriskEnd, self.stopsAtSlash) = (element, position, stopsAtSlash)
        }

        mutating func enterSegments() {
            element += 1
            (segments, segmentsEnd, asterisk) = (element, position, 0)
        }

        /// Goes back to the last asterisk whose text can be longer; false when there is none.
        mutating func resume(in name: Span<UInt8>) -> Bool {
            let slash = UInt8(ascii: "/")
            if asterisk > 0, asteriskEnd < name.count, !stopsAtSlash || name[asteriskEnd] != slash {
                asteriskEnd += 1
                (element, position) = (asterisk, asteriskEnd)
                return true
            }
            guard segments > 0 else { return false }
            while segmentsEnd < name.count, name[segmentsEnd] != slash { segmentsEnd += 1 }
            guard segmentsEnd < name.count else { return false }
            segmentsEnd += 1
            (element, position, asterisk) = (segments, segmentsEnd, 0)
            return true
        }
    }
}
