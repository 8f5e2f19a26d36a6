import OCI
import OpenSSL

/// An account for a machine.
package struct Robot: Hashable, Sendable {
    /// Why a name, a description or a time is not acceptable, for a person to read.
    package struct Flaw: Error, Hashable, CustomStringConvertible, Sendable {
        package let description: String
    }

    /// In bytes.
    private static let maximumName = 64
    private static let maximumDescription = 256
    /// The end of the year 9999, after which a date has no four digits.
    private static let lastSecond = 253_402_300_799

    /// Without the prefix of its login.
    package let name: String
    /// What it is for.
    package let description: String
    /// In seconds since 1970.
    package let created: Int
    /// When it ends, in seconds since 1970; nil for never.
    package let expires: Int?
    /// Of the secret; see `RobotSecret`.
    let secretHash: Digest
    /// 128 bits that every replica computes alike, and that say nothing of the secret.
    let fingerprint: String

    /// What clients give as their user name.
    package var login: String { RobotFile.prefix + name }

    package init(
        name: String, description: String, created: Int, expires: Int?, secret: RobotSecret
    ) throws(Flaw) {
        try self.init(
            name: name, description: description, created: created, expires: expires, secretHash: secret.hash)
    }

    init(name: String, description: String, created: Int, expires: Int?, secretHash: Digest) throws(Flaw) {
        guard Self.isName(name) else {
            throw Flaw(
                description: "\(name.excerpt) is no name for a robot: expected up to \(Self.maximumName) letters, "
                    + "digits, dots, hyphens and underscores, the first a letter or a digit")
        }
        guard description.utf8.count <= Self.maximumDescription,
            !description.unicodeScalars.contains(where: \.isInvisible)
        else {
            throw Flaw(
                description: "the description of \(name) is longer than \(Self.maximumDescription) bytes or has "
                    + "invisible characters")
        }
        for time in [created, expires ?? created] where !(0...Self.lastSecond).contains(time) {
            throw Flaw(description: "the times of \(name) are not between the years 1970 and 9999")
        }
        self.name = name
        self.description = description
        self.created = created
        self.expires = expires
        self.secretHash = secretHash
        fingerprint = SHA256.hash(Array("robot\0\(name)\0\(secretHash.string)".utf8)).prefix(16).hexadecimal
    }

    /// An account with a secret nobody has.
    static let nobody = Robot()

    private init() {
        (name, description, created, expires, fingerprint) = ("", "", 0, 0, "")
        secretHash = RobotSecret().hash
    }

    /// Whether it has not expired at `now`, in seconds since 1970.
    package func isValid(at now: Int) -> Bool { expires.map { now < $0 } ?? true }

    func hasSecret(_ text: String) -> Bool {
        RobotSecret.isWellFormed(text)
            && constantTimeEqual(Array(RobotSecret.hash(of: text).string.utf8), Array(secretHash.string.utf8))
    }

    private static func isName(_ text: String) -> Bool {
        let bytes = text.utf8
        guard bytes.count <= maximumName, let first = bytes.first, isAlphanumeric(first) else { return false }
        return bytes.allSatisfy { isAlphanumeric($0) || "._-".utf8.contains($0) }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        byte &- UInt8(ascii: "0") < 10 || (byte | 0x20) &- UInt8(ascii: "a") < 26
    }
}

/// The secret of a robot: 256 random bits behind words that programs searching for leaked secrets can look for.
///
/// It is stored as a plain SHA-256: slow and salted hashes protect passwords that can be guessed, and nobody tries 2^256.
/// Text of any other form is refused, so that no hash of a weak password, written into the file by hand, opens anything.
package struct RobotSecret: Sendable {
    /// What every secret begins with.
    package static let prefix = "stowage_robot_"
    private static let randomBytes = 32

    /// `stowage_robot_` and 64 hexadecimal digits.
    package let text: String

    /// A new one.
    package init() { text = Self.prefix + RandomBytes.make(Self.randomBytes).hexadecimal }

    var hash: Digest { Self.hash(of: text) }

    static func hash(of text: String) -> Digest {
        Digest(algorithm: .sha256, bytes: SHA256.hash(Array(text.utf8)))
    }

    static func isWellFormed(_ text: String) -> Bool {
        text.hasPrefix(prefix) && text.utf8.count == prefix.utf8.count + 2 * randomBytes
            && text.utf8.dropFirst(prefix.utf8.count).allSatisfy { byte in
                byte &- UInt8(ascii: "0") < 10 || byte &- UInt8(ascii: "a") < 6
            }
    }
}
