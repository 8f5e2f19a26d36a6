import OpenSSL

extension ClientCredentials {
    /// The longest token in bytes.
    package static let maximumToken = 16 << 10
    /// The longest text of Basic credentials in bytes: a user and a token for the password, in base64.
    private static let maximumBasic = 24 << 10

    /// Reads the values of a request's `Authorization` fields (RFC 7617 and RFC 6750). Throws `malformed` for anything
    /// but one field of one of these schemes within the limits; of a longer one nothing is read.
    ///
    /// An empty user with an empty password are no credentials: some clients send them when they have none.
    package init(authorization fields: [String]) throws(AuthenticationError) {
        guard let field = fields.first else {
            self = .none
            return
        }
        guard fields.count == 1, field.utf8.count <= Self.maximumBasic + 16 else { throw .malformed }
        guard let space = field.utf8.firstIndex(of: UInt8(ascii: " ")) else { throw .malformed }
        let value = field[space...].drop { $0 == " " }
        switch field[..<space].lowercased() {
        case "basic": self = try Self.basic(value)
        case "bearer": self = try Self.bearer(value)
        default: throw .malformed
        }
    }

    private static func basic(_ value: Substring) throws(AuthenticationError) -> ClientCredentials {
        guard value.utf8.count <= maximumBasic, let bytes = Base64.decode(value),
            let colon = bytes.firstIndex(of: UInt8(ascii: ":")),
            bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }),
            let user = String(validating: bytes[..<colon], as: UTF8.self),
            let password = String(validating: bytes[(colon + 1)...], as: UTF8.self)
        else { throw .malformed }
        return user.isEmpty && password.isEmpty ? .none : .basic(user: user, password: password)
    }

    /// `b64token` of RFC 6750, section 2.1.
    private static func bearer(_ value: Substring) throws(AuthenticationError) -> ClientCredentials {
        let bytes = value.utf8.span
        guard bytes.count <= maximumToken else { throw .malformed }
        var length = 0
        while length < bytes.count, isTokenCharacter(bytes[length]) { length += 1 }
        guard length > 0 else { throw .malformed }
        for index in length..<bytes.count where bytes[index] != UInt8(ascii: "=") { throw .malformed }
        return .bearer(String(value))
    }

    /// Letters, digits and `-._~+/`, each a bit: tokens are long, and come with every request.
    private static func isTokenCharacter(_ byte: UInt8) -> Bool {
        let set: UInt64 = byte < 64 ? 0x03ff_e800_0000_0000 : 0x47ff_fffe_87ff_fffe
        return byte < 128 && set >> UInt64(byte & 63) & 1 == 1
    }
}
