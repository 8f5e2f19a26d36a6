extension Issuer {
    /// The signature algorithms a token may use (RFC 7518, section 3.1, and RFC 8037), none with a shared secret.
    package enum Algorithm: String, Codable, CaseIterable, Sendable {
        case rs256 = "RS256"
        case rs384 = "RS384"
        case rs512 = "RS512"
        case ps256 = "PS256"
        case ps384 = "PS384"
        case ps512 = "PS512"
        case es256 = "ES256"
        case es384 = "ES384"
        case es512 = "ES512"
        case edDSA = "EdDSA"
    }

    /// What the configuration says of an issuer.
    ///
    /// A claim is named by its member, or by a JSON Pointer (RFC 6901) when the name begins with `/`:
    /// `/kubernetes.io/namespace`.
    package struct Settings: Hashable, Sendable {
        /// Begins the names of its identities: letters, digits, `-`, `_` and `.`, and no word with a meaning of its own.
        package var name: String
        /// What the `iss` of its tokens is, to the letter; a URL unless `keysFile` or `keysURL` is set.
        package var issuer: String
        /// What has to be among the `aud` of its tokens.
        package var audience: String
        package var algorithms: Set<Algorithm> = [.rs256, .es256]
        /// Where its keys are (a JWK Set, RFC 7517); empty for discovery below `issuer`.
        package var keysURL = ""
        /// A file that holds its keys (a JWK Set); empty for none.
        package var keysFile = ""
        /// A file of PEM certificates to trust instead of the system's; empty for those.
        package var caFile = ""
        /// A file whose content is sent as Bearer token to where `issuer` or `keysURL` is, and nowhere else, as a
        /// Kubernetes API server asks for; empty for none.
        package var tokenFile = ""
        /// The claim that names the identity.
        package var nameClaim = "sub"
        /// The claim that holds groups, one or a list; empty for none.
        package var groupsClaim = ""
        /// The claims rules may ask for: their name in rules, and the claim.
        package var claims: [String: String] = [:]
        /// Claims that a token must have, and the value each must have or, as a list, hold.
        package var requiredClaims: [String: String] = [:]
        /// Seconds since `iat` after which a token counts as expired, whatever its `exp`; 0 for no such limit.
        package var maximumAge = 0

        package init(name: String, issuer: String, audience: String) {
            self.name = name
            self.issuer = issuer
            self.audience = audience
        }

        /// What names of other methods begin with, above all `cert:`, and the words of rules.
        private static let reservedNames: Set = [
            "cert", "robot", "anonymous", "authenticated", "everybody", "user", "group", "claim",
        ]

        /// What is wrong, each a sentence that begins with the setting.
        package var problems: [String] {
            var problems: [String] = []
            if name.isEmpty || !name.utf8.allSatisfy(Self.isNameByte) {
                problems.append("name: \"\(name)\" is not made of letters, digits, '-', '_' and '.'")
            }
            if Self.reservedNames.contains(name) {
                problems.append("name: \"\(name)\" has a meaning of its own in names and rules; choose another")
            }
            if issuer.isEmpty { problems.append("issuer: is needed; it is the \"iss\" of the tokens") }
            if audience.isEmpty {
                problems.append("audience: is needed; without it a token made for another service would do here")
            }
            if algorithms.isEmpty { problems.append("algorithms: at least one is needed") }
            if !keysURL.isEmpty, !keysFile.isEmpty { problems.append("keysURL and keysFile: one of them, not both") }
            if maximumAge < 0 { problems.append("maximumAge: must not be negative") }
            return problems + urlProblems + claimProblems
        }

        private var urlProblems: [String] {
            let (setting, url) = keysURL.isEmpty ? ("issuer", issuer) : ("keysURL", keysURL)
            guard keysFile.isEmpty, !url.isEmpty, IssuerURL(url) == nil else { return [] }
            return [
                "\(setting): \"\(url)\" is no https URL; http is for this machine's own addresses only, and keysFile"
                    + " for keys that are not to be fetched"
            ]
        }

        private var claimProblems: [String] {
            let named = [("nameClaim", nameClaim)] + (groupsClaim.isEmpty ? [] : [("groupsClaim", groupsClaim)])
            let all =
                named + claims.values.sorted().map { ("claims", $0) }
                + requiredClaims.keys.sorted().map { ("requiredClaims", $0) }
            return all.filter { ClaimPath($0.1) == nil }.map { setting, path in
                "\(setting): \"\(path)\" names no claim; it is a member's name, or a JSON Pointer such as /a/b"
            }
        }

        private static func isNameByte(_ byte: UInt8) -> Bool {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f: true
            default: false
            }
        }
    }
}

/// What is wrong with an issuer's settings, or why its keys are not to be had, in words for the operator.
package struct IssuerError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

/// A URL keys may be fetched from: `https`, or `http` of this machine.
struct IssuerURL: Hashable {
    let string: String
    /// Scheme, host and port.
    let origin: String

    init?(_ text: String) {
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }), !text.utf8.contains(UInt8(ascii: "#")) else {
            return nil
        }
        let isSecure = text.hasPrefix("https://")
        guard isSecure || text.hasPrefix("http://") else { return nil }
        let rest = text.dropFirst(isSecure ? 8 : 7)
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        guard !authority.isEmpty, !authority.contains("@"), !authority.contains("\\") else { return nil }
        guard isSecure || Self.isLoopback(authority) else { return nil }
        string = text
        origin = (isSecure ? "https://" : "http://") + authority.lowercased()
    }

    private static func isLoopback(_ authority: Substring) -> Bool {
        if authority == "[::1]" || authority.hasPrefix("[::1]:") { return true }
        let host = authority.prefix { $0 != ":" }
        if host == "localhost" { return true }
        let numbers = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return numbers.count == 4 && numbers[0] == 127 && !numbers.contains(nil)
    }
}
