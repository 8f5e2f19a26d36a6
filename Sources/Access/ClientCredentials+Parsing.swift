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
        guard !value.isEmpty, value.utf8.count <= maximumToken else { throw .malformed }
        let token = value.utf8.prefix { $0 != UInt8(ascii: "=") }
        guard !token.isEmpty, token.allSatisfy(isTokenCharacter),
            value.utf8.dropFirst(token.count).allSatisfy({ $0 == UInt8(ascii: "=") })
        else { throw .malformed }
        return .bearer(String(value))
    }

    private static func isTokenCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e, 0x2b, 0x2f: true
        default: false
        }
    }
}
