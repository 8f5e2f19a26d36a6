import OpenSSL
import Testing

@testable import Access

/// What others published is what is computed here.
struct JWSVectorTests {
    @Test("HMAC-SHA256 of RFC 7515, A.1")
    func hmac() throws {
        let jws = try #require(CompactJWS(JWSVectors.hs256))
        let key = HMACKey(try #require(Base64URL.decode(JWSVectors.hmacKey)))
        #expect(key.sha256(Array(jws.signedBytes)) == jws.signature)
    }

    @Test(
        "public keys of RFC 7515 and RFC 8037",
        arguments: [
            (JWSVectors.rsaKey, JWSVectors.rs256, Issuer.Algorithm.rs256),
            (JWSVectors.es256Key, JWSVectors.es256, .es256), (JWSVectors.es512Key, JWSVectors.es512, .es512),
            (JWSVectors.edDSAKey, JWSVectors.edDSA, .edDSA),
        ])
    func publicKeys(test: (key: String, token: String, algorithm: Issuer.Algorithm)) async throws {
        let set = try await IssuerKeySet(Array(#"{"keys":[\#(test.key)]}"#.utf8), algorithms: [test.algorithm])
        let jws = try #require(CompactJWS(test.token))
        #expect(jws.issuerHeader?.algorithm == test.algorithm.rawValue)
        #expect(set.verifies(jws, nil, test.algorithm))
        for other in Issuer.Algorithm.allCases where other != test.algorithm {
            #expect(!set.verifies(jws, nil, other))
        }
        // Each byte of the signature counts, and each of what is signed.
        for index in jws.signature.indices {
            var signature = jws.signature
            signature[index] ^= 1
            let parts = test.token.split(separator: ".")
            let forged = try #require(CompactJWS("\(parts[0]).\(parts[1]).\(Base64URL.encode(signature))"))
            #expect(!set.verifies(forged, nil, test.algorithm), "\(index)")
        }
        for index in test.token.utf8.indices.prefix(jws.signedBytes.count) {
            var bytes = Array(test.token.utf8)
            let place = test.token.utf8.distance(from: test.token.utf8.startIndex, to: index)
            bytes[place] = bytes[place] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            if let forged = CompactJWS(String(decoding: bytes, as: UTF8.self)) {
                #expect(!set.verifies(forged, nil, test.algorithm), "\(place)")
            }
        }
    }

    @Test("signatures that are none: zeros, too short, too long")
    func shapes() async throws {
        let set = try await IssuerKeySet(
            Array(#"{"keys":[\#(JWSVectors.es256Key),\#(JWSVectors.edDSAKey),\#(JWSVectors.rsaKey)]}"#.utf8),
            algorithms: [.es256, .edDSA, .rs256])
        for algorithm in [Issuer.Algorithm.es256, .edDSA, .rs256] {
            for count in [1, 32, 63, 64, 65, 255, 256, 257, 1000] {
                let signature = Base64URL.encode([UInt8](repeating: 0, count: count))
                let jws = try #require(CompactJWS("e30.e30." + signature))
                #expect(!set.verifies(jws, nil, algorithm), "\(algorithm) \(count)")
            }
        }
    }

    @Test("an unsecured token of RFC 7519, 6.1, is none")
    func unsecured() {
        #expect(CompactJWS(JWSVectors.unsecured) == nil)
    }
}
