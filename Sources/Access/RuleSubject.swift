import OCI

/// Whom a rule is about.
struct RuleSubject: Sendable {
    enum Kind: Sendable {
        case anonymous
        /// Whoever is not anonymous.
        case authenticated
        case everybody
        case user(UserPattern)
        /// A group by its name; `Policy` replaces those of the configuration by their members.
        case group(String)
        case members(GroupMembers)
        case claim(ClaimPattern)
    }

    /// As it stands in the configuration.
    let text: String
    var kind: Kind

    /// Throws what is wrong, to follow a colon.
    init(_ text: String) throws(SentenceError) {
        self.text = text
        switch text {
        case "anonymous": kind = .anonymous
        case "authenticated": kind = .authenticated
        case "everybody": kind = .everybody
        default: kind = try Self.kind(named: text)
        }
    }

    private static func kind(named text: String) throws(SentenceError) -> Kind {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let value = parts.count == 2 ? String(parts[1]) : ""
        switch parts.first {
        case "user" where parts.count == 2: return .user(try UserPattern(value))
        case "group" where parts.count == 2:
            guard !value.isEmpty else { throw SentenceError("names no group") }
            guard !value.utf8.contains(UInt8(ascii: "*")) else {
                throw SentenceError("has a wildcard in the name of a group: groups are written out")
            }
            return .group(value)
        case "claim" where parts.count == 2: return try claim(value)
        default:
            throw SentenceError(
                "\(text.excerpt) is nobody: expected user:NAME, group:NAME, claim:ISSUER:NAME=VALUE, anonymous,"
                    + " authenticated or everybody")
        }
    }

    private static func claim(_ text: String) throws(SentenceError) -> Kind {
        let sides = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let names = sides[0].split(separator: ":", maxSplits: 1)
        guard sides.count == 2, names.count == 2 else {
            throw SentenceError("\(text.excerpt) is no claim: expected claim:ISSUER:NAME=VALUE")
        }
        do throws(InvalidGlob) {
            let glob = try Glob(names: String(sides[1]))
            return .claim(ClaimPattern(issuer: String(names[0]), key: String(sides[0]), value: glob))
        } catch {
            throw SentenceError(error.description)
        }
    }

    func matches(_ identity: Identity) -> Bool {
        switch kind {
        case .everybody: true
        case .anonymous: identity.isAnonymous
        case .authenticated: !identity.isAnonymous
        case .user(let pattern): !identity.isAnonymous && pattern.matches(identity.name)
        case .group(let name): !identity.isAnonymous && identity.groups.hasBytes(of: name)
        case .members(let members): !identity.isAnonymous && members.contain(identity.name)
        case .claim(let claim): !identity.isAnonymous && claim.matches(identity)
        }
    }
}

/// A sentence without its subject about a text of the configuration.
struct SentenceError: Error {
    let text: String

    init(_ text: String) { self.text = text }
}

/// The names of users, exactly or with asterisks.
///
/// What stands before a name's first colon says who vouches for it, so no asterisk reaches across that colon: `dev*` is
/// people only, never `devops:somebody` of an issuer that lets others choose their names.
struct UserPattern: Sendable {
    let glob: Glob
    private let hasAuthority: Bool

    init(_ text: String) throws(SentenceError) {
        do throws(InvalidGlob) { glob = try Glob(names: text) } catch { throw SentenceError(error.description) }
        hasAuthority = text.utf8.contains(UInt8(ascii: ":"))
        if let authority, authority.utf8.contains(UInt8(ascii: "*")) {
            throw SentenceError("\(text.excerpt) has a wildcard before the first colon, where the issuer is named")
        }
    }

    /// `github` of `github:repo:*`; nil for the names of people and robots.
    var authority: String? {
        guard hasAuthority else { return nil }
        return String(glob.text.prefix { $0 != ":" })
    }

    func matches(_ name: String) -> Bool {
        glob.matches(name) && (hasAuthority || !name.utf8.contains(UInt8(ascii: ":")))
    }
}

/// A value of one claim of an issuer.
final class ClaimPattern: Sendable {
    let issuer: String
    /// Under which identities have the claim, `ISSUER:NAME`.
    private let key: String
    private let value: Glob

    init(issuer: String, key: String, value: Glob) {
        self.issuer = issuer
        self.key = key
        self.value = value
    }

    func matches(_ identity: Identity) -> Bool {
        guard !identity.claims.isEmpty, let values = identity.claims[key] else { return false }
        return values.contains { value.matches($0) }
    }
}

/// Who belongs to a group of the configuration.
final class GroupMembers: Sendable {
    private let names: Set<String>
    private let patterns: [UserPattern]

    init(_ members: [UserPattern]) {
        names = Set(members.filter(\.glob.isExact).map(\.glob.text))
        patterns = members.filter { !$0.glob.isExact }
    }

    func contain(_ name: String) -> Bool {
        names.hasBytes(of: name) || patterns.contains { $0.matches(name) }
    }
}

extension Set<String> {
    /// Whether it has exactly this text: Swift takes different bytes for equal if they are the same characters.
    func hasBytes(of text: String) -> Bool {
        guard !isEmpty, let index = firstIndex(of: text) else { return false }
        return self[index].utf8.elementsEqual(text.utf8)
    }
}
