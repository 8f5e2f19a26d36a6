import OCI

/// Why a text is no pattern: mostly because nothing could match it.
package struct InvalidGlob: Error, Equatable, Sendable, CustomStringConvertible {
    /// The text that was given.
    package let text: String
    /// What is wrong with it, to follow the text in a sentence.
    package let reason: String

    package var description: String { "\(text.excerpt) \(reason)" }
}

extension Glob {
    /// A pattern can match a repository exactly if it is the name of one as soon as every asterisk is a letter: any other
    /// character that an asterisk may stand for can be in fewer places than a letter.
    static func problem(inRepositories text: String) -> String? {
        let segments = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        if segments.contains(where: { $0.count > 2 && hasTwoAsterisks($0) }) {
            return "is no pattern: \"**\" stands alone between slashes"
        }
        do throws(InvalidName) {
            _ = try RepositoryName(text.replacingAsterisks())
            return nil
        } catch {
            return "can match no repository: " + explanation(of: error.problem, in: text)
        }
    }

    /// By the same thought as for repositories.
    static func problem(inTags text: String) -> String? {
        guard !text.isEmpty else { return "can match no tag: it is empty" }
        guard text.utf8.count <= Tag.maximumLength else {
            return "can match no tag: it is longer than \(Tag.maximumLength) bytes"
        }
        do throws(InvalidTag) {
            _ = try Tag(text.replacingAsterisks())
            return nil
        } catch {
            return "can match no tag: tags are letters, digits and \".\", \"_\", \"-\","
                + " the first of them no dot or dash, and the only wildcard is \"*\""
        }
    }

    static func problem(inNames text: String) -> String? {
        if text.isEmpty { return "can match no name: it is empty" }
        if text.utf8.count > maximumLength { return "is no pattern: it is longer than \(maximumLength) bytes" }
        if text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
            return "can match no name: it has a control character"
        }
        return nil
    }

    private static func hasTwoAsterisks(_ segment: Substring.UTF8View) -> Bool {
        zip(segment, segment.dropFirst()).contains { $0 == UInt8(ascii: "*") && $1 == UInt8(ascii: "*") }
    }

    private static func explanation(of problem: InvalidName.Problem, in text: String) -> String {
        switch problem {
        case .empty: "it is empty"
        case .tooLong: "it is longer than \(RepositoryName.maximumLength) bytes"
        case .incomplete: "it ends in a separator"
        case .unexpected(let offset): explanation(ofByteAt: offset, in: Array(text.utf8))
        }
    }

    private static func explanation(ofByteAt offset: Int, in bytes: [UInt8]) -> String {
        let isAtStart = offset == 0 || bytes[offset - 1] == UInt8(ascii: "/")
        return switch bytes[offset] {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): "names have no upper-case letters"
        case UInt8(ascii: "/") where offset == 0: "names do not begin with a slash"
        case UInt8(ascii: "/") where isAtStart: "names have no empty component between slashes"
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"),
            UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            "components of names begin and end with a letter or digit,"
                + " and what joins those is \".\", \"_\", \"__\" or dashes"
        default:
            "names are made of lower-case letters, digits, \".\", \"_\", \"-\" and \"/\","
                + " and the only wildcards are \"*\" and \"**\""
        }
    }
}

extension String {
    /// The text with a letter in the place of each asterisk.
    fileprivate func replacingAsterisks() -> String {
        String(decoding: utf8.map { $0 == UInt8(ascii: "*") ? UInt8(ascii: "a") : $0 }, as: UTF8.self)
    }
}
