import OpenSSL
import Synchronization

/// The signing key of the last secret and day, which four HMACs derive: one signer's requests nearly all share it.
final class SigningKeyCache: Sendable {
    private struct Entry {
        let secret: String
        let day: Int
        let key: HMACKey
    }

    private let cached = Mutex<Entry?>(nil)

    /// The key for `secret` on `day`, counted from 1970.
    func key(secret: String, day: Int, signer: SigV4Signer) -> HMACKey {
        let held = cached.withLock { $0 }
        if let held, held.day == day, held.secret == secret { return held.key }
        let key = Self.derive(secret: secret, day: day, region: signer.region, service: signer.service)
        cached.withLock { $0 = Entry(secret: secret, day: day, key: key) }
        return key
    }

    private static func derive(secret: String, day: Int, region: String, service: String) -> HMACKey {
        var date: [UInt8] = []
        UTCTime(day * 86_400).appendDay(to: &date)
        var key = Array("AWS4\(secret)".utf8)
        for message in [date, Array(region.utf8), Array(service.utf8), Array("aws4_request".utf8)] {
            key = HMACKey(key).sha256(message)
        }
        return HMACKey(key)
    }
}
