import JWTKit
import OCI
import OpenSSL

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The public keys of an issuer (a JWK Set, RFC 7517), each made ready for every algorithm it may be used with.
struct IssuerKeySet: Sendable {
    /// Bytes of the longest set that is read.
    static let maximumLength = 256 << 10
    private static let maximumCount = 100

    private struct Key: Sendable {
        let id: String?
        let algorithm: Issuer.Algorithm
        let verifier: any JWTAlgorithm
    }

    /// The hash of the text, which tells two sets apart.
    let digest: [UInt8]
    private let keys: [Key]

    /// Reads a set; keys for other purposes, other algorithms than `algorithms` and shared secrets are passed over.
    init(_ text: [UInt8], algorithms: Set<Issuer.Algorithm>) async throws(IssuerError) {
        guard text.count <= Self.maximumLength, String(validating: text, as: UTF8.self) != nil else {
            throw IssuerError("longer than \(Self.maximumLength) bytes, or no text")
        }
        let document: Document
        do {
            document = try decodeBoundedJSON(Document.self, from: text)
        } catch {
            throw IssuerError("no JWK Set: expected a JSON object with a list \"keys\"")
        }
        var keys: [Key] = []
        for entry in document.keys.prefix(Self.maximumCount) {
            for algorithm in algorithms where entry.mayVerify(algorithm) {
                guard let verifier = await Self.verifier(entry.key, algorithm) else { continue }
                keys.append(Key(id: entry.key?.keyIdentifier?.string, algorithm: algorithm, verifier: verifier))
            }
        }
        guard !keys.isEmpty else {
            let names = algorithms.map(\.rawValue).sorted().joined(separator: ", ")
            throw IssuerError(
                "none of the \(document.keys.count) keys is a public key for \(names): give others, or set algorithms")
        }
        self.keys = keys
        digest = SHA256.hash(text)
    }

    /// Whether a token with this header could be checked. Without a `kid` there has to be one key only that fits.
    func has(_ id: String?, _ algorithm: Issuer.Algorithm) -> Bool { !fitting(id, algorithm).isEmpty }

    /// Whether the token is signed by one of the keys that its header, read before, names.
    func verifies(_ token: CompactJWS, _ id: String?, _ algorithm: Issuer.Algorithm) -> Bool {
        fitting(id, algorithm).contains { key in
            // A signature of the wrong length is an error to the library, and here just a wrong one.
            (try? key.verifier.verify(token.signature, signs: Array(token.signedBytes))) == true
        }
    }

    private func fitting(_ id: String?, _ algorithm: Issuer.Algorithm) -> [Key] {
        let fitting = keys.filter { $0.algorithm == algorithm && (id == nil || $0.id == id) }
        return id == nil && fitting.count > 1 ? [] : fitting
    }

    private static func verifier(_ key: JWK?, _ algorithm: Issuer.Algorithm) async -> (any JWTAlgorithm)? {
        guard var key, let name = JWK.Algorithm(rawValue: algorithm.rawValue) else { return nil }
        key.algorithm = name
        key.privateExponent = nil
        key.keyIdentifier = JWKIdentifier(string: "key")
        // One collection for each key: a collection takes its first key for every name that it does not know.
        let collection = JWTKeyCollection()
        do {
            try await collection.add(jwk: key)
            return try await collection.getKey(for: key.keyIdentifier, alg: algorithm.rawValue)
        } catch {
            // A key of another type than the algorithm's, too short a one, or one that is no point of its curve.
            return nil
        }
    }

    private struct Document: Decodable {
        let keys: [Entry]
    }

    /// One element of the set; `key` is nil when the library has no use for it.
    private struct Entry: Decodable {
        let key: JWK?
        private let use: String?
        private let algorithm: String?
        private let operations: [String]?

        private enum CodingKeys: String, CodingKey {
            case use, alg
            case keyOperations = "key_ops"
        }

        init(from decoder: any Decoder) throws {
            // Sets hold keys of kinds that are for others; the library throws for them.
            key = try? JWK(from: decoder)
            let container = try decoder.container(keyedBy: CodingKeys.self)
            use = try container.decodeIfPresent(String.self, forKey: .use)
            algorithm = try container.decodeIfPresent(String.self, forKey: .alg)
            operations = try container.decodeIfPresent([String].self, forKey: .keyOperations)
        }

        func mayVerify(_ wanted: Issuer.Algorithm) -> Bool {
            (algorithm ?? wanted.rawValue) == wanted.rawValue && (use ?? "sig") == "sig"
                && operations?.contains("verify") != false
        }
    }
}
