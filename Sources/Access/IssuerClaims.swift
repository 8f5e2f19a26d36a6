import OCI
import OpenSSL

extension JSONValue {
    /// The value as text: strings, integers and truth values; nil for all else.
    var text: String? {
        switch self {
        case .string(let string): string
        case .number: seconds.map { "\($0)" }
        case .bool(let value): value ? "true" : "false"
        case .object, .array, .null: nil
        }
    }

    /// The texts of a list, or the one of a single value; nil when some element has none.
    var texts: Set<String>? {
        guard case .array(let elements) = self else { return text.map { [$0] } }
        let texts = elements.compactMap(\.text)
        return texts.count == elements.count ? Set(texts) : nil
    }

    /// A number that a `Double` holds exactly, rounded down: a NumericDate (RFC 7519, section 2).
    var seconds: Int? {
        guard case .number(let number) = self, number.magnitude < 0x1p53 else { return nil }
        return Int(number.rounded(.down))
    }
}

/// The place of a claim: the name of a member, or a JSON Pointer (RFC 6901) when it begins with `/`.
struct ClaimPath: Hashable {
    private let names: [String]

    /// Nil when the text is empty or a pointer with a wrong escape.
    init?(_ text: String) {
        guard text.hasPrefix("/") else {
            guard !text.isEmpty else { return nil }
            names = [text]
            return
        }
        var names: [String] = []
        for part in text.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            // `~0` is a tilde and `~1` a slash; any other tilde is a mistake.
            let pieces = part.split(separator: "~", omittingEmptySubsequences: false)
            guard pieces.dropFirst().allSatisfy({ $0.hasPrefix("0") || $0.hasPrefix("1") }) else { return nil }
            names.append(
                pieces.dropFirst().reduce(String(pieces[0])) { $0 + ($1.hasPrefix("0") ? "~" : "/") + $1.dropFirst() })
        }
        self.names = names
    }

    /// The value there; nil when there is none or it is null.
    func value(in claims: [String: JSONValue]) -> JSONValue? {
        var value = JSONValue.object(claims)
        for name in names {
            guard case .object(let members) = value, let next = members[name] else { return nil }
            value = next
        }
        if case .null = value { return nil }
        return value
    }
}

/// The header of an issuer's token; one with a member that would bring a key or must be understood is refused.
struct IssuerTokenHeader: Decodable {
    let algorithm: String
    let keyID: String?

    private enum CodingKeys: String, CodingKey {
        case alg, kid, typ
        case jwk, jku, x5u, x5c, crit, b64, zip, enc
    }

    private static let refused: [CodingKeys] = [.jwk, .jku, .x5u, .x5c, .crit, .b64, .zip, .enc]

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        for key in Self.refused where container.contains(key) {
            throw DecodingError.dataCorruptedError(forKey: key, in: container, debugDescription: "refused")
        }
        algorithm = try container.decode(String.self, forKey: .alg)
        keyID = try container.decodeIfPresent(String.self, forKey: .kid)
        // Logout tokens and the like have types of their own (RFC 8725, section 3.11).
        let type = try container.decodeIfPresent(String.self, forKey: .typ)?.lowercased()
        guard type == nil || type == "jwt" || type == "at+jwt" || type == "application/at+jwt" else {
            throw DecodingError.dataCorruptedError(forKey: .typ, in: container, debugDescription: "another type")
        }
    }
}

extension CompactJWS {
    // What is wrong with the text of a stranger is nobody's concern: what cannot be read is nil.

    /// The header of an issuer's token; nil when it is no JSON object, or refused.
    var issuerHeader: IssuerTokenHeader? {
        Self.text(encodedHeader).flatMap { try? decodeBoundedJSON(IssuerTokenHeader.self, from: $0) }
    }

    /// All claims; nil when the payload is no JSON object.
    var claims: [String: JSONValue]? {
        Self.text(encodedPayload).flatMap { try? JSONValue.members(of: $0) }
    }

    /// The UTF-8 text in base64url.
    private static func text(_ part: ArraySlice<UInt8>) -> [UInt8]? {
        Base64URL.decode(part).flatMap { String(validating: $0, as: UTF8.self) == nil ? nil : $0 }
    }
}
