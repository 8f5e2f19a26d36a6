import HTTPClient
import OCI

/// Where an issuer's keys come from: a file, a URL, or discovery (OpenID Connect Discovery 1.0, section 4).
///
/// No redirect is followed, and every address is `https` unless it is this machine's own.
struct IssuerKeySource: Sendable {
    private static let discoveryLimit = 64 << 10
    private static let tokenLimit = 16 << 10

    let settings: Issuer.Settings
    let http: HTTPClient
    /// For each request.
    var limits = HTTPLimits(connect: 3_000, head: 5_000, stall: 5_000, overall: 5_000)

    /// The keys as they are now. May read files: not for event loops.
    func fetch() async throws(IssuerError) -> IssuerKeySet {
        if !settings.keysFile.isEmpty { return try await Self.keys(inFileOf: settings) }
        let (url, text) = try await text()
        return try await Self.keys(text, from: url.string, settings)
    }

    /// The keys in the file that the settings name, as they are now. Reads the file: not for event loops.
    static func keys(inFileOf settings: Issuer.Settings) async throws(IssuerError) -> IssuerKeySet {
        let path = settings.keysFile
        return try await keys(try read(path, limit: IssuerKeySet.maximumLength), from: path, settings)
    }

    private static func keys(
        _ text: [UInt8], from place: String, _ settings: Issuer.Settings
    ) async throws(IssuerError) -> IssuerKeySet {
        do throws(IssuerError) {
            return try await IssuerKeySet(text, algorithms: settings.algorithms)
        } catch {
            throw IssuerError("\(place): \(error)")
        }
    }

    private func text() async throws(IssuerError) -> (url: IssuerURL, text: [UInt8]) {
        let configured = settings.keysURL.isEmpty ? settings.issuer : settings.keysURL
        guard let trusted = IssuerURL(configured) else { throw IssuerError("\(configured) is no https URL") }
        let url = try await settings.keysURL.isEmpty ? discover(trusted) : trusted
        return (url, try await get(url, trusted: trusted.origin, limit: IssuerKeySet.maximumLength))
    }

    /// The address of the keys, as the issuer's own document gives it.
    private func discover(_ issuer: IssuerURL) async throws(IssuerError) -> IssuerURL {
        struct Document: Decodable {
            let issuer: String
            let keys: String

            enum CodingKeys: String, CodingKey {
                case issuer
                case keys = "jwks_uri"
            }
        }
        let base = issuer.string.hasSuffix("/") ? String(issuer.string.dropLast()) : issuer.string
        guard let url = IssuerURL(base + "/.well-known/openid-configuration") else {
            throw IssuerError("\(base) is no https URL")
        }
        let answer = try await get(url, trusted: issuer.origin, limit: Self.discoveryLimit)
        // The error would say no more than that the members are not there.
        guard let document = try? decodeBoundedJSON(Document.self, from: answer) else {
            throw IssuerError("\(url.string) is no JSON object with issuer and jwks_uri")
        }
        guard document.issuer == settings.issuer else {
            throw IssuerError("\(url.string) is the document of another issuer")
        }
        // A public issuer must not send its readers to a port of this machine.
        guard let keys = IssuerURL(document.keys),
            keys.string.hasPrefix("https://") || issuer.string.hasPrefix("http://")
        else { throw IssuerError("\(url.string) names a jwks_uri that is no https URL") }
        return keys
    }

    private func get(_ url: IssuerURL, trusted: String, limit: Int) async throws(IssuerError) -> [UInt8] {
        var fields = [(name: "Accept", value: "application/json")]
        if !settings.tokenFile.isEmpty, url.origin == trusted {
            fields.append((name: "Authorization", value: "Bearer \(try Self.token(settings))"))
        }
        let request = HTTPRequest(
            url: url.string, fields: fields, limits: limits,
            caFile: settings.caFile.isEmpty ? nil : settings.caFile)
        let answer: HTTPResponse
        do {
            answer = try await http.send(request, limit: limit)
        } catch {
            throw IssuerError("\(url.string) did not answer: \(error)")
        }
        guard answer.status == 200 else { throw IssuerError("\(url.string) answered \(answer.status)") }
        return answer.bytes
    }

    /// The whole of a file. Blocks.
    private static func read(_ path: String, limit: Int) throws(IssuerError) -> [UInt8] {
        do throws(UnreadableFile) {
            return try SmallFile.bytes(of: path, limit: limit)
        } catch {
            throw IssuerError(error.description)
        }
    }
}

// MARK: Files

extension IssuerKeySource {
    /// Bundles of all public authorities have some 250 KB.
    private static let authoritiesLimit = 8 << 20

    /// Reads the file of authorities that the settings name; throws what is wrong with it. Blocks.
    static func checkCAFile(_ settings: Issuer.Settings) throws(IssuerError) {
        let path = settings.caFile
        guard try String(decoding: read(path, limit: authoritiesLimit), as: UTF8.self).contains("-----BEGIN ") else {
            throw IssuerError("\(path): no certificate in it: give a PEM file with -----BEGIN CERTIFICATE-----")
        }
    }

    /// Reads the file of a token that the settings name; throws what is wrong with it. Blocks.
    static func checkTokenFile(_ settings: Issuer.Settings) throws(IssuerError) {
        guard try !token(settings).isEmpty else {
            throw IssuerError("\(settings.tokenFile): empty: give a file with a token in it")
        }
    }

    private static func token(_ settings: Issuer.Settings) throws(IssuerError) -> String {
        String(decoding: try read(settings.tokenFile, limit: tokenLimit), as: UTF8.self).filter { !$0.isWhitespace }
    }
}
