import OpenSSL

/// A bcrypt hash as `htpasswd -B` writes it: `$2y$`, two digits of cost, `$`, 22 characters of salt, 31 of digest.
struct BcryptHash: Hashable, Sendable {
    /// Why a text is no hash that is taken; without the text, which may be a password.
    enum Flaw: Error, Hashable {
        /// Another function's hash, by its name.
        case otherFunction(String)
        case cost(Int)
        case malformed
    }

    /// Each step doubles the time: 14 takes most of a second, 31 a day, and anybody may start a login.
    static let costs = 4...14
    private static let length = 60
    private static let saltLength = 22
    private static let digestLength = 31

    let text: String
    let cost: Int

    init(_ text: String) throws(Flaw) {
        let bytes = Array(text.utf8)
        guard ["$2y$", "$2a$", "$2b$"].contains(where: text.hasPrefix) else {
            throw Self.otherFunction(text).map { .otherFunction($0) } ?? .malformed
        }
        guard bytes.count == Self.length, bytes[6] == UInt8(ascii: "$"),
            bytes[4..<6].allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let cost = Int(String(decoding: bytes[4..<6], as: UTF8.self)),
            bytes[7...].allSatisfy(Bcrypt.alphabet.contains)
        else { throw .malformed }
        guard Self.costs.contains(cost) else { throw .cost(cost) }
        self.text = text
        self.cost = cost
    }

    private init(unchecked text: String, cost: Int) {
        self.text = text
        self.cost = cost
    }

    /// A hash no password has, which takes as long as any other of this cost: for users that do not exist.
    static func decoy(cost: Int) -> BcryptHash {
        let salt = RandomBytes.make(saltLength - 1).map { Bcrypt.alphabet[Int($0 & 63)] }
        // The last characters of salt and digest have bits that bcrypt leaves 0: these suit the salt, not the digest.
        let text = salt + [UInt8(ascii: ".")] + [UInt8](repeating: UInt8(ascii: "/"), count: digestLength)
        return BcryptHash(
            unchecked: "$2y$\(cost < 10 ? "0" : "")\(cost)$" + String(decoding: text, as: UTF8.self), cost: cost)
    }

    /// Whether it is the hash of `password`, which has no NUL. Takes tens of milliseconds: not for event loops.
    func matches(_ password: String) -> Bool {
        guard let computed = Bcrypt.hash(password, setting: text) else { return false }
        // Only the digest: some programs leave bits in the last character of the salt that do not count.
        return constantTimeEqual(Self.digest(computed), Self.digest(text))
    }

    private static func digest(_ text: String) -> [UInt8] { Array(text.utf8.suffix(digestLength)) }

    /// The name of the function that makes hashes of this form.
    private static func otherFunction(_ text: String) -> String? {
        let names = [
            ("$apr1$", "MD5"), ("$1$", "MD5"), ("{SHA}", "SHA-1"), ("{SSHA}", "SHA-1"), ("$2$", "old bcrypt"),
            ("$2x$", "old bcrypt"), ("$5$", "SHA-256"), ("$6$", "SHA-512"), ("$y$", "yescrypt"), ("$argon2", "Argon2"),
        ]
        return names.first { text.hasPrefix($0.0) }?.1
    }
}
