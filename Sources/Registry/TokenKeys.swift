package import ObjectStorage
import OpenSSL

/// A secret that all replicas sign and check tokens with.
package struct TokenKey: Hashable, Sendable, CustomStringConvertible {
    static let secretLength = 32

    package let secret: [UInt8]
    /// Signs from this time on, in seconds since 1970; checks from the beginning.
    package let signsFrom: Int

    package var description: String { "a token key that signs from \(signsFrom) on" }
}

/// The keys of tokens in the bucket: made by the first replica that needs one, and changed without an outage.
///
/// Keys are numbered, and each number is written once, so that of several replicas one makes the next key and the others
/// find it. A new key is there for `settling` seconds before it signs, in which every replica reads it; an old one stays
/// until the last token it signed has expired.
package final class TokenKeys: Sendable {
    /// When keys change, all in seconds.
    package struct Schedule: Sendable {
        /// How long a key signs.
        package var rotation = 30 * 86_400
        /// How long a key is there before it signs; replicas read the keys at least three times as often.
        package var settling = 900
        /// How long the longest token lives.
        package var tokenLifetime: Int

        package init(tokenLifetime: Int) { self.tokenLifetime = tokenLifetime }

        /// How often `refresh` is to be called.
        package var refreshInterval: Int { settling / 3 }
    }

    /// A key and its number in the bucket.
    private struct Numbered {
        let number: Int
        let key: TokenKey
    }

    private let store: any ObjectStore
    private let readOnly: Bool
    private let schedule: Schedule
    /// Of a registry that may not write to a bucket without keys.
    private let own = TokenKey(secret: RandomBytes.make(TokenKey.secretLength), signsFrom: 0)

    package init(store: any ObjectStore, readOnly: Bool, schedule: Schedule) {
        self.store = store
        self.readOnly = readOnly
        self.schedule = schedule
    }

    /// The keys as they are, at least one, after making the next one and removing old ones if it is time. Throws when the
    /// store cannot be read, or holds a key that is none; `now` in seconds since 1970.
    package func refresh(now: Int) async throws -> [TokenKey] {
        var keys = try await read()
        if !readOnly {
            let due = keys.last.map { $0.key.signsFrom + schedule.rotation <= now } ?? true
            if due { keys = try await make(after: keys.last, now: now) }
            keys = try await removeOld(keys, now: now)
        }
        return keys.isEmpty ? [own] : keys.map(\.key)
    }

    private func make(after last: Numbered?, now: Int) async throws -> [Numbered] {
        // Nobody waits for the first key of all.
        let key = TokenKey(
            secret: RandomBytes.make(TokenKey.secretLength), signsFrom: last == nil ? now : now + schedule.settling)
        let place = StorageLayout.tokenKey((last?.number ?? 0) + 1)
        do {
            try await store.put(key.encoded, at: place, metadata: ObjectMetadata(), condition: .absent)
        } catch ObjectStoreError.preconditionFailed {
            // Another replica was first: its key counts.
        }
        // What is there now, also in a store whose conditions do not hold.
        return try await read()
    }

    /// Removes the keys that signed nothing which still holds, and returns the others.
    private func removeOld(_ keys: [Numbered], now: Int) async throws -> [Numbered] {
        guard let newest = keys.last(where: { $0.key.signsFrom + schedule.settling + schedule.tokenLifetime <= now })
        else {
            return keys
        }
        let old = keys.filter { $0.number < newest.number }
        if !old.isEmpty { try await store.delete(old.map { StorageLayout.tokenKey($0.number) }) }
        return keys.filter { $0.number >= newest.number }
    }

    /// All keys, the oldest first.
    private func read() async throws -> [Numbered] {
        let page = try await store.list(prefix: StorageLayout.tokenKeysPrefix, after: nil, limit: 1000)
        var keys: [Numbered] = []
        for object in page.objects {
            guard let number = StorageLayout.tokenKeyNumber(of: object.key),
                // Removed since.
                let stored = try await store.bytes(of: object.key, limit: 1024)
            else { continue }
            guard let key = TokenKey(encoded: stored.bytes) else {
                throw ObjectStoreError.unavailable(
                    "\(object.key) is no token key; remove it, and a new one is made (logins start over)")
            }
            keys.append(Numbered(number: number, key: key))
        }
        return keys
    }
}

extension TokenKey {
    /// The seconds in decimal digits, a space, and the secret in base64url.
    fileprivate var encoded: [UInt8] { Array("\(signsFrom) \(Base64URL.encode(secret))\n".utf8) }

    fileprivate init?(encoded bytes: [UInt8]) {
        let parts = bytes.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard parts.count == 2, let signsFrom = Int(String(decoding: parts[0], as: UTF8.self)), signsFrom >= 0,
            parts[1].last == UInt8(ascii: "\n"), let secret = Base64URL.decode(parts[1].dropLast()),
            secret.count == Self.secretLength
        else { return nil }
        self.init(secret: secret, signsFrom: signsFrom)
    }
}
