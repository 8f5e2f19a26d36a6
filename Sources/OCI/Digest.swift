/// The address of content: an algorithm and the lower-case hex of its hash (image-spec, "Digests").
package struct Digest: Hashable, Comparable, CustomStringConvertible, Sendable {
    /// The hash functions this registry computes: the two registered in the image-spec that every client knows.
    package enum Algorithm: String, CaseIterable, Sendable {
        case sha256, sha512

        /// The number of hex characters in a digest of this algorithm.
        package var hexLength: Int {
            switch self {
            case .sha256: 64
            case .sha512: 128
            }
        }
    }

    /// The algorithm before the colon.
    package let algorithm: Algorithm
    /// The whole digest, `sha256:<hex>`.
    package let string: String

    /// The hex after the colon.
    package var hex: Substring {
        string[string.utf8.index(string.startIndex, offsetBy: algorithm.rawValue.utf8.count + 1)...]
    }
    package var description: String { string }

    /// Accepts exactly the canonical form: a supported algorithm, a colon, and lower-case hex of the right length.
    package init(_ text: String) throws(DigestError) {
        guard let algorithm = Self.algorithm(ofCanonical: text) else { throw DigestError(rejecting: text) }
        self.algorithm = algorithm
        string = text
    }

    /// The digest whose hash is `bytes`, which must be as many as the algorithm yields.
    package init(algorithm: Algorithm, bytes: [UInt8]) {
        precondition(bytes.count * 2 == algorithm.hexLength, "a \(algorithm) hash has \(algorithm.hexLength / 2) bytes")
        self.algorithm = algorithm
        let prefix = algorithm.rawValue.utf8
        string = String(unsafeUninitializedCapacity: prefix.count + 1 + algorithm.hexLength) { buffer in
            var end = buffer.update(fromContentsOf: prefix)
            buffer[end] = UInt8(ascii: ":")
            end += 1
            for byte in bytes {
                buffer[end] = hexDigit(byte >> 4)
                buffer[end + 1] = hexDigit(byte & 0xF)
                end += 2
            }
            return end
        }
    }

    /// Byte order; the text is ASCII, where Swift's order of strings is that of their bytes.
    package static func < (lhs: Digest, rhs: Digest) -> Bool { lhs.string < rhs.string }

    /// The algorithm if the whole text is canonical; one pass without allocation, for every request comes through here.
    private static func algorithm(ofCanonical text: String) -> Algorithm? {
        let bytes = text.utf8.span
        let algorithm: Algorithm
        switch bytes.count {
        case 7 + 64: algorithm = .sha256
        case 7 + 128: algorithm = .sha512
        default: return nil
        }
        var offset = 0
        for byte in algorithm.rawValue.utf8 {
            guard bytes[offset] == byte else { return nil }
            offset += 1
        }
        guard bytes[offset] == UInt8(ascii: ":") else { return nil }
        for index in offset + 1..<bytes.count where !isLowerHexDigit(bytes[index]) { return nil }
        return algorithm
    }
}

extension Digest: Codable {
    /// Reads a JSON string; one that is no supported digest is a `DecodingError` with the reason.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do throws(DigestError) {
            try self.init(text)
        } catch {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
        }
    }

    /// Writes the digest as a JSON string.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(string)
    }
}

/// Why a text is no digest of this registry.
package enum DigestError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The text breaks the grammar, or its hex does not fit its algorithm.
    case malformed(String)
    /// The grammar is kept, but nobody here computes this algorithm, which is named.
    case unsupportedAlgorithm(String)

    package var description: String {
        switch self {
        case .malformed(let text):
            "malformed digest \(text.excerpt): expected sha256: and 64, or sha512: and 128, lower-case hex characters"
        case .unsupportedAlgorithm(let algorithm):
            "unsupported digest algorithm \(algorithm.excerpt): expected sha256 or sha512"
        }
    }

    /// Tells a digest of an algorithm unknown here from text that is no digest by the grammar of the image-spec.
    fileprivate init(rejecting text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, Self.isAlgorithm(parts[0]), Self.isEncoded(parts[1]),
            Digest.Algorithm(rawValue: String(Substring(parts[0]))) == nil
        else {
            self = .malformed(text)
            return
        }
        self = .unsupportedAlgorithm(String(Substring(parts[0])))
    }

    /// `[a-z0-9]+([+._-][a-z0-9]+)*`
    private static func isAlgorithm(_ text: Substring.UTF8View) -> Bool {
        text.split(omittingEmptySubsequences: false) { "+._-".utf8.contains($0) }
            .allSatisfy { !$0.isEmpty && $0.allSatisfy(isLowerAlphanumeric) }
    }

    /// `[a-zA-Z0-9=_-]+`
    private static func isEncoded(_ text: Substring.UTF8View) -> Bool {
        !text.isEmpty && text.allSatisfy { isAlphanumeric($0) || "=_-".utf8.contains($0) }
    }
}
