import OCI
import OpenSSL

/// The users of a password file: lines of `NAME:HASH`, as `htpasswd -B` writes them; empty lines and lines that begin
/// with `#` do not count.
struct PasswordTable: Sendable {
    private struct User {
        let hash: BcryptHash
        let fingerprint: String
        let line: Int
    }

    /// In bytes.
    private static let maximumLine = 1024
    private static let maximumName = 255

    private var users: [String: User] = [:]
    /// What the password of a user who does not exist is compared with: of the cost most users have.
    private var decoy = BcryptHash.decoy(cost: BcryptHash.costs.lowerBound)

    /// Throws a sentence with path, line and what to do at the first line that is not acceptable.
    init(_ bytes: [UInt8], path: String) throws(AccountsFileError) {
        var costs: [Int: Int] = [:]
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let place = "\(path):\(index + 1)"
            guard let (name, hash) = try Self.parse(line, place: place, path: path) else { continue }
            if let first = users[name] {
                throw AccountsFileError(
                    "\(place): \(name.excerpt) is on line \(first.line) already; remove one of them")
            }
            users[name] = User(hash: hash, fingerprint: Self.fingerprint(name, hash), line: index + 1)
            costs[hash.cost, default: 0] += 1
        }
        // Most likely a file that is being written, and an empty one would lock everybody out.
        guard let usual = costs.max(by: { ($0.value, $0.key) < ($1.value, $1.key) })?.key else {
            throw AccountsFileError("\(path) has no users; add one with `htpasswd -B \(path) NAME`")
        }
        decoy = BcryptHash.decoy(cost: usual)
    }

    var count: Int { users.count }

    /// The user's hash, or for nobody one that no password has and that costs the same.
    func hash(of name: String) -> BcryptHash { users.value(of: name)?.hash ?? decoy }

    func fingerprint(of name: String) -> String? { users.value(of: name)?.fingerprint }

    /// 128 bits that every replica computes alike. Whoever reads them in a token cannot try passwords with them: the salt,
    /// which is in the hash, is missing.
    private static func fingerprint(_ name: String, _ hash: BcryptHash) -> String {
        SHA256.hash(Array("password\0\(name)\0\(hash.text)".utf8)).prefix(16).hexadecimal
    }

    // MARK: Lines

    /// Nil for a line that does not count.
    private static func parse(
        _ line: ArraySlice<UInt8>, place: String, path: String
    ) throws(AccountsFileError) -> (name: String, hash: BcryptHash)? {
        guard line.count <= maximumLine else {
            throw AccountsFileError("\(place): longer than \(maximumLine) bytes")
        }
        let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
        guard line.first != UInt8(ascii: "#"), line.contains(where: { $0 != 0x20 && $0 != 0x09 }) else { return nil }
        guard let text = String(validating: line, as: UTF8.self) else {
            throw AccountsFileError("\(place): not UTF-8")
        }
        // Neither part is quoted without a colon: it may be a password.
        guard let colon = text.unicodeScalars.firstIndex(of: ":") else {
            throw AccountsFileError("\(place): expected NAME:HASH, as `htpasswd -B` writes it")
        }
        let name = String(text[..<colon])
        if let flaw = flaw(ofName: name) { throw AccountsFileError("\(place): \(flaw)") }
        do throws(BcryptHash.Flaw) {
            return (name, try BcryptHash(String(text[text.unicodeScalars.index(after: colon)...])))
        } catch {
            throw AccountsFileError("\(place): \(describe(error, of: name, path: path))")
        }
    }

    private static func flaw(ofName name: String) -> String? {
        if name.isEmpty { return "the name before the colon is missing" }
        if name.utf8.count > maximumName { return "the name is longer than \(maximumName) bytes" }
        if name.unicodeScalars.contains(where: \.isInvisible) { return "\(name.excerpt) has invisible characters" }
        if name.first == " " || name.last == " " { return "\(name.excerpt) begins or ends with a space" }
        guard name.hasPrefix(RobotFile.prefix) else { return nil }
        return "\(name.excerpt): names with \(RobotFile.prefix) belong to robots, which `stowage robot create` makes"
    }

    private static func describe(_ flaw: BcryptHash.Flaw, of name: String, path: String) -> String {
        let remedy = "set the password again with `htpasswd -B \(path) \(name)`"
        return switch flaw {
        case .otherFunction(let function):
            "the password of \(name.excerpt) is hashed with \(function), and only bcrypt is taken; \(remedy)"
        case .cost(let cost) where cost > BcryptHash.costs.upperBound:
            "the password of \(name.excerpt) has bcrypt cost \(cost), and \(BcryptHash.costs.upperBound) is the most "
                + "that is taken; \(remedy)"
        case .cost, .malformed:
            "what follows \(name.excerpt) is no bcrypt hash; \(remedy)"
        }
    }
}

extension Unicode.Scalar {
    /// Whether it is a control or format character, or a line's end: nothing for a name, where nobody would see it.
    var isInvisible: Bool {
        [.control, .format, .lineSeparator, .paragraphSeparator].contains(properties.generalCategory)
    }
}

extension Dictionary where Key == String {
    /// The value of exactly this name: Swift takes different bytes for equal if they are the same characters, and rules,
    /// which compare bytes, would not know whoever logged in by another spelling.
    func value(of name: String) -> Value? {
        guard let index = index(forKey: name), self[index].key.utf8.elementsEqual(name.utf8) else { return nil }
        return self[index].value
    }
}

extension Sequence<UInt8> {
    /// Two lower-case digits for each byte.
    var hexadecimal: String {
        map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
