import Access
import Glibc
import ObjectStorage
import Registry

/// The keys of tokens that all servers on one store share, as they were read last.
struct SharedTokenKeys: Sendable {
    /// Between two looks at the store: several while a new key waits to be used.
    static let interval = Duration.seconds(TokenKeys.Schedule(tokenLifetime: 0).refreshInterval)

    /// The best effort of one reading.
    let latest: [SigningKey]
    private let keys: TokenKeys
    private let readOnly: Bool
    private let lifetime: Int

    /// Reads the keys, and makes the first of a new store. `old`: what the configuration before had.
    init(_ configuration: Configuration, _ store: any ObjectStore, _ old: SharedTokenKeys?) async throws {
        readOnly = configuration.readOnly
        let tokens = configuration.access.tokens
        lifetime = max(tokens.lifetime.seconds, tokens.refreshLifetime.seconds)
        if let old, old.readOnly == readOnly, old.lifetime == lifetime {
            keys = old.keys
        } else {
            keys = TokenKeys(store: store, readOnly: readOnly, schedule: TokenKeys.Schedule(tokenLifetime: lifetime))
        }
        latest = try await Self.refresh(keys)
    }

    /// The keys as they are now.
    func refresh() async throws -> [SigningKey] { try await Self.refresh(keys) }

    private static func refresh(_ keys: TokenKeys) async throws -> [SigningKey] {
        try await keys.refresh(now: time(nil)).map { SigningKey(secret: $0.secret, signsFrom: $0.signsFrom) }
    }
}
