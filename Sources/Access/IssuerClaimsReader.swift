import OCI

/// Turns the claims of an issuer's token into an identity, as its settings say; knows nothing of signatures.
struct IssuerClaimsReader: Sendable {
    /// Bytes of the longest name, group and value of a claim.
    static let textLimit = 1024
    /// The most groups, and the most values of one claim.
    static let countLimit = 1000

    private let settings: Issuer.Settings
    private let nameClaim: ClaimPath?
    private let groupsClaim: ClaimPath?
    private let claims: [(name: String, path: ClaimPath)]
    private let required: [(path: ClaimPath, value: String)]

    /// `settings` without problems.
    init(_ settings: Issuer.Settings) {
        self.settings = settings
        nameClaim = ClaimPath(settings.nameClaim)
        groupsClaim = ClaimPath(settings.groupsClaim)
        claims = settings.claims.compactMap { name, path in ClaimPath(path).map { (name, $0) } }
        required = settings.requiredClaims.compactMap { path, value in ClaimPath(path).map { ($0, value) } }
    }

    /// Who the claims speak of; nil when they are another issuer's, for another audience, lack what is required, or
    /// hold what is not taken.
    func identity(_ claims: [String: JSONValue]) -> Identity? {
        guard case .string(let issuer)? = claims["iss"], Issuer.isEqual(issuer, settings.issuer),
            let audiences = claims["aud"]?.strings,
            audiences.contains(where: { Issuer.isEqual($0, settings.audience) }),
            required.allSatisfy({ path, value in texts(path, claims)?.hasBytes(of: value) == true }),
            let name = nameClaim?.value(in: claims)?.text, !name.isEmpty, Self.isPlain(name)
        else { return nil }
        var groups: Set<String> = []
        if let groupsClaim, groupsClaim.value(in: claims) != nil {
            guard let texts = texts(groupsClaim, claims) else { return nil }
            groups = texts
        }
        return Identity(
            .issuer, name: prefixed(name), groups: Set(groups.map(prefixed)), claims: values(claims))
    }

    /// The first second in which the token no longer holds; nil when its times are missing or lie ahead.
    func end(_ claims: [String: JSONValue], now: Int) -> Int? {
        guard let expiry = claims["exp"]?.seconds else { return nil }
        for name in ["nbf", "iat"] {
            guard let claim = claims[name] else { continue }
            guard let time = claim.seconds, time <= now + Issuer.leeway else { return nil }
        }
        guard settings.maximumAge > 0 else { return expiry + Issuer.leeway }
        guard let issued = claims["iat"]?.seconds else { return nil }
        return min(expiry, issued + settings.maximumAge) + Issuer.leeway
    }

    /// The claims that rules may ask for and the token has.
    private func values(_ claims: [String: JSONValue]) -> [String: Set<String>] {
        var values: [String: Set<String>] = [:]
        for (name, path) in self.claims {
            if let texts = texts(path, claims) { values[prefixed(name)] = texts }
        }
        return values
    }

    private func texts(_ path: ClaimPath, _ claims: [String: JSONValue]) -> Set<String>? {
        guard let texts = path.value(in: claims)?.texts, texts.count <= Self.countLimit,
            texts.allSatisfy(Self.isPlain)
        else { return nil }
        return texts
    }

    private func prefixed(_ text: String) -> String { "\(settings.name):\(text)" }

    /// Short, without control characters, and not beginning with a mark that would join the colon before it: then the
    /// name would not have its prefix any more for whoever compares characters.
    private static func isPlain(_ text: String) -> Bool {
        text.utf8.count <= textLimit && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f } && (":" + text).first == ":"
    }
}

extension JSONValue {
    /// A string, or a list of nothing else: an audience (RFC 7519, section 4.1.3).
    fileprivate var strings: [String]? {
        if case .string(let string) = self { return [string] }
        guard case .array(let elements) = self else { return nil }
        let strings = elements.compactMap { if case .string(let string) = $0 { string } else { nil } }
        return strings.count == elements.count ? strings : nil
    }
}
