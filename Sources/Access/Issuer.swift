import EventLoop
package import HTTPClient
import OCI
import OpenSSL

/// Somebody whose tokens are believed: GitHub Actions, GitLab, a Kubernetes cluster.
///
/// Its tokens are JWTs (RFC 7519) by public keys, read as RFC 8725 asks. A token that was accepted is remembered by its
/// hash until it expires or the issuer's keys change.
package final class Issuer: Sendable {
    /// How far the issuer's clock may be off, in seconds.
    static let leeway = 60
    /// How much text of tokens is remembered, in bytes.
    private static let memoryLimit = 4 << 20

    private struct Remembered: Sendable {
        let identity: Identity
        /// The first second in which the token no longer holds.
        let end: Int
        /// The hash of the keys one of which has signed it.
        let keys: [UInt8]
    }

    /// Its name in the configuration, which begins the names of its identities.
    package var name: String { settings.name }

    private let settings: Settings
    private let reader: IssuerClaimsReader
    private let keys: IssuerKeys
    /// By the hash of the token.
    private let accepted = RecentValues<[UInt8], Remembered>(limit: memoryLimit)

    /// - Parameters:
    ///   - settings: the error is the first of their problems.
    ///   - observer: told why keys could not be fetched, each time.
    package init(
        _ settings: Settings, http: HTTPClient, observer: @escaping @Sendable (IssuerError) -> Void = { _ in }
    ) throws(IssuerError) {
        if let problem = settings.problems.first { throw IssuerError("issuer \(settings.name): \(problem)") }
        self.settings = settings
        reader = IssuerClaimsReader(settings)
        keys = IssuerKeys(IssuerKeySource(settings: settings, http: http), observer: observer)
    }

    /// What is wrong with the files that the settings name, each with the name of its setting. Reads them: not for event
    /// loops.
    package static func fileProblems(_ settings: Settings) async -> [(setting: String, problem: IssuerError)] {
        var problems: [(setting: String, problem: IssuerError)] = []
        do throws(IssuerError) {
            if !settings.keysFile.isEmpty { _ = try await IssuerKeySource.keys(inFileOf: settings) }
        } catch {
            problems.append(("keysFile", error))
        }
        do throws(IssuerError) {
            if !settings.caFile.isEmpty { try IssuerKeySource.checkCAFile(settings) }
        } catch {
            problems.append(("caFile", error))
        }
        do throws(IssuerError) {
            if !settings.tokenFile.isEmpty { try IssuerKeySource.checkTokenFile(settings) }
        } catch {
            problems.append(("tokenFile", error))
        }
        return problems
    }

    /// Fetches the keys again, because they are others now; throws why they are not to be had, and then those from
    /// before stay. Not for event loops. `now` in seconds since 1970.
    package func reloadKeys(now: Int) async throws(IssuerError) { try await keys.reload(now: now) }

    /// Whether `token` (a compact JWS) says that it is from this issuer; proves nothing.
    package func isNamed(in token: String) -> Bool {
        guard token.utf8.count <= CompactJWS.maximumLength else { return false }
        if accepted[Self.hash(token)] != nil { return true }
        guard let jws = CompactJWS(token), case .string(let issuer)? = jws.claims?["iss"] else { return false }
        return Self.isEqual(issuer, settings.issuer)
    }

    /// Who the token speaks of. `now` in seconds since 1970.
    package func identity(of token: String, now: Int) async throws(AuthenticationError) -> Identity {
        guard token.utf8.count <= CompactJWS.maximumLength else { throw .malformed }
        let digest = Self.hash(token)
        if let known = accepted[digest], let set = keys.current(now: now), set.digest == known.keys {
            guard now < known.end else { throw Self.expired }
            return known.identity
        }
        guard let jws = CompactJWS(token) else { throw .malformed }
        guard let header = jws.issuerHeader, let algorithm = Algorithm(rawValue: header.algorithm),
            settings.algorithms.contains(algorithm)
        else { throw Self.invalid }
        // What a signature could not mend needs none, and costs the issuer no request.
        guard let claims = jws.claims, let identity = reader.identity(claims) else { throw Self.invalid }
        guard let end = reader.end(claims, now: now) else { throw Self.invalid }
        guard now < end else { throw Self.expired }

        let set = try await keys.keys(now: now) { $0.has(header.keyID, algorithm) }
        guard set.verifies(jws, header.keyID, algorithm) else { throw Self.invalid }
        accepted.insert(
            Remembered(identity: identity, end: end, keys: set.digest), for: digest, weight: token.utf8.count)
        return identity
    }

    private static func hash(_ token: String) -> [UInt8] { SHA256.hash(Array(token.utf8)) }

    private static let invalid = AuthenticationError.rejected(reason: "the token is not valid")
    private static let expired = AuthenticationError.rejected(reason: "the token has expired")

    /// To the letter: `==` of strings takes different spellings of a character for the same.
    static func isEqual(_ one: String, _ other: String) -> Bool { one.utf8.elementsEqual(other.utf8) }
}
