package import OCI
import OpenSSL

/// The hash of content in progress, in the algorithm its digest will have.
enum ContentHasher: Sendable {
    case sha256(SHA256)
    case sha512(SHA512)

    init(_ algorithm: Digest.Algorithm) {
        self =
            switch algorithm {
            case .sha256: .sha256(SHA256())
            case .sha512: .sha512(SHA512())
            }
    }

    /// Goes on from a saved state; nil when it does not belong to `length` bytes.
    init?(_ algorithm: Digest.Algorithm, savedState: [UInt8], length: Int) {
        switch algorithm {
        case .sha256:
            guard let hasher = SHA256(savedState: savedState, length: length) else { return nil }
            self = .sha256(hasher)
        case .sha512:
            guard let hasher = SHA512(savedState: savedState, length: length) else { return nil }
            self = .sha512(hasher)
        }
    }

    var algorithm: Digest.Algorithm {
        switch self {
        case .sha256: .sha256
        case .sha512: .sha512
        }
    }

    var savedState: [UInt8] {
        switch self {
        case .sha256(let hasher): hasher.savedState
        case .sha512(let hasher): hasher.savedState
        }
    }

    mutating func update(_ bytes: RawSpan) {
        switch self {
        case .sha256(var hasher):
            hasher.update(bytes)
            self = .sha256(hasher)
        case .sha512(var hasher):
            hasher.update(bytes)
            self = .sha512(hasher)
        }
    }

    var digest: Digest {
        switch self {
        case .sha256(let hasher): Digest(algorithm: .sha256, bytes: hasher.finalized())
        case .sha512(let hasher): Digest(algorithm: .sha512, bytes: hasher.finalized())
        }
    }
}

extension Digest {
    /// The digest of `bytes`.
    package init(of bytes: [UInt8], algorithm: Algorithm = .sha256) {
        switch algorithm {
        case .sha256: self.init(algorithm: .sha256, bytes: SHA256.hash(bytes))
        case .sha512: self.init(algorithm: .sha512, bytes: SHA512.hash(bytes))
        }
    }
}
