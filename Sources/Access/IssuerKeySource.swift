import EventLoop
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
        do throws(IssuerError) {
            return try await IssuerKeySet(try await text(), algorithms: settings.algorithms)
        } catch {
            throw IssuerError("issuer \(settings.name): \(error)")
        }
    }

    private func text() async throws(IssuerError) -> [UInt8] {
        if !settings.keysFile.isEmpty { return try Self.read(settings.keysFile, limit: IssuerKeySet.maximumLength) }
        let configured = settings.keysURL.isEmpty ? settings.issuer : settings.keysURL
        guard let trusted = IssuerURL(configured) else { throw IssuerError("\(configured) is no https URL") }
        let url = try await settings.keysURL.isEmpty ? discover(trusted) : trusted
        return try await get(url, trusted: trusted.origin, limit: IssuerKeySet.maximumLength)
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
            let token = String(decoding: try Self.read(settings.tokenFile, limit: Self.tokenLimit), as: UTF8.self)
            fields.append((name: "Authorization", value: "Bearer " + token.filter { !$0.isWhitespace }))
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
        let bytes: [UInt8]
        do throws(SystemCallError) {
            bytes = try OpenFile.bytes(of: path, limit: limit)
        } catch {
            throw IssuerError("\(error)")
        }
        guard bytes.count <= limit else { throw IssuerError("\(path) is larger than \(limit) bytes") }
        return bytes
    }
}
