import OpenSSL

/// Signing keys made ready: signs with one of them, and checks with whichever a token's header names.
///
/// A token's first part has to be, byte for byte, one that this ring writes itself: so there is no header to interpret,
/// and no algorithm, key or extension that a token could choose.
struct TokenKeyRing: Sendable {
    private struct Entry {
        let key: HMACKey
        let kind: TokenKind
    }

    let keys: [SigningKey]
    /// By the encoded header that names key and kind.
    private let entries: [[UInt8]: Entry]

    init(_ keys: [SigningKey]) {
        precondition(!keys.isEmpty, "tokens need a key")
        self.keys = keys
        var entries: [[UInt8]: Entry] = [:]
        for key in keys {
            let prepared = HMACKey(key.secret)
            for kind in TokenKind.allCases { entries[Self.header(key, kind)] = Entry(key: prepared, kind: kind) }
        }
        self.entries = entries
    }

    /// A token of `kind` with this payload, signed by the key that is due at `now`.
    func sign(_ payload: [UInt8], as kind: TokenKind, now: Int) -> String {
        let header = Self.header(signer(now: now), kind)
        let signed = header + [CompactJWS.dot] + Array(Base64URL.encode(payload).utf8)
        // Every key of the ring has its entries.
        let code = entries[header]?.key.sha256(signed) ?? []
        return String(decoding: signed, as: UTF8.self) + "." + Base64URL.encode(code)
    }

    /// The payload of a token of `kind` that one of the keys has signed; nil for anything else.
    func payload(of token: String, as kind: TokenKind) -> [UInt8]? {
        guard let jws = CompactJWS(token), let entry = entries[Array(jws.encodedHeader)], entry.kind == kind,
            constantTimeEqual(entry.key.sha256(Array(jws.signedBytes)), jws.signature)
        else { return nil }
        return Base64URL.decode(jws.encodedPayload)
    }

    /// The youngest of the keys whose time has come, the first of several; before any has, the one that comes first.
    private func signer(now: Int) -> SigningKey {
        var best = keys[0]
        for key in keys.dropFirst() {
            let isDue = key.signsFrom <= now
            let isBetter =
                best.signsFrom <= now ? isDue && key.signsFrom > best.signsFrom : key.signsFrom < best.signsFrom
            if isBetter { best = key }
        }
        return best
    }

    private static func header(_ key: SigningKey, _ kind: TokenKind) -> [UInt8] {
        let text = #"{"alg":"HS256","kid":"\#(key.id)","typ":"\#(kind.rawValue)"}"#
        return Array(Base64URL.encode(Array(text.utf8)).utf8)
    }
}
