import OCI
import Synchronization

/// What this replica itself has found out or stored within the last minute, so that the requests of one push need not
/// ask the store again for what the one before them was told.
///
/// Nothing here is needed: whatever is not found is asked for. Nothing here is told to a reader, either, because another
/// replica may have deleted it since. That is the price for a push: a manifest may refer to a blob that another replica
/// took from the repository within the last minute, as if the deletion had come just after the push. Deletions by this
/// replica count at once. Memory is bounded, to some 16 MiB if all findings are long: the oldest make room.
final class RecentFindings: Sendable {
    /// Something that was so.
    enum Finding: Hashable, Sendable {
        /// The store had no object at the blob's key.
        case noBlob(Digest)
        /// The whole content was at the blob's key.
        case content(Digest)
        /// The whole content was at the blob's key, and the repository held it.
        case held(RepositoryName, Digest)
        /// The repository had a record of the manifest.
        case manifest(RepositoryName, Digest)
        /// The repository was in the catalog.
        case catalog(RepositoryName)
    }

    /// The state of an upload session after the last request this replica served of it.
    private struct Session: Sendable {
        let offset: Int
        /// The mark of everything the session has (see `UploadPartName`): two requests of one session may have stored
        /// different bytes at the same offset.
        let mark: String
        let parts: [UploadPart]
    }

    private struct State {
        var facts = RecentTable<Finding, Void>(capacity: 16_384)
        var sessions = RecentTable<UploadID, Session>(capacity: 1024)
        var forgotten = 0
    }

    /// In seconds.
    static let lifetime = 60
    /// Parts of one session that are remembered at most; a longer one is listed again for each request.
    static let maximumParts = 16

    private let state = Mutex(State())
    private let clock: @Sendable () -> Int

    /// `clock`: in seconds. What was found later than it says now, because it was put back, is not taken for recent.
    init(clock: @escaping @Sendable () -> Int) {
        self.clock = clock
    }

    // MARK: Findings

    /// What `note` wants to know of the moment before the store was asked.
    var moment: Int { state.withLock { $0.forgotten } }

    func has(_ finding: Finding) -> Bool {
        let now = clock()
        return state.withLock { $0.facts.value(of: finding, at: now - Self.lifetime...now) != nil }
    }

    /// Notes what the store was asked or told after `moment`; what was deleted since then may make it wrong, and then
    /// it is not noted.
    func note(_ findings: Finding..., asOf moment: Int) {
        let now = clock()
        state.withLock { state in
            guard state.forgotten == moment else { return }
            for finding in findings {
                state.facts.insert((), for: finding, at: now)
                if case .content(let digest) = finding { state.facts.remove(.noBlob(digest)) }
            }
        }
    }

    func forget(_ finding: Finding) {
        state.withLock { state in
            state.forgotten += 1
            state.facts.remove(finding)
        }
    }

    // MARK: Sessions

    /// What the session of `token` has, if this replica served its last request as far as it knows.
    func parts(of token: UploadToken) -> [UploadPart]? {
        let now = clock()
        let session = state.withLock { $0.sessions.value(of: token.id, at: now - Self.lifetime...now) }
        guard let session, session.offset == token.offset, session.mark == UploadPartName.mark(token.hasher.digest)
        else { return nil }
        return session.parts
    }

    /// Notes that `token` was given out for a session with these parts.
    func note(_ token: UploadToken, parts: [UploadPart]) {
        guard parts.count <= Self.maximumParts else { return forget(token.id) }
        let now = clock()
        let session = Session(
            offset: token.offset, mark: UploadPartName.mark(token.hasher.digest), parts: parts)
        state.withLock { $0.sessions.insert(session, for: token.id, at: now) }
    }

    func forget(_ id: UploadID) {
        state.withLock { $0.sessions.remove(id) }
    }
}

/// Values with the time they were put in, at most `capacity` of them: two halves, the older of which makes room.
struct RecentTable<Key: Hashable, Value> {
    private typealias Entry = (value: Value, time: Int)

    private let half: Int
    private var young: [Key: Entry] = [:]
    private var old: [Key: Entry] = [:]

    init(capacity: Int) {
        half = max(1, capacity / 2)
    }

    var count: Int { young.count + old.count }

    /// The value that was put in at one of `times`.
    func value(of key: Key, at times: ClosedRange<Int>) -> Value? {
        guard let entry = young[key] ?? old[key], times.contains(entry.time) else { return nil }
        return entry.value
    }

    mutating func insert(_ value: Value, for key: Key, at time: Int) {
        old[key] = nil
        if young.count >= half, young[key] == nil { (young, old) = ([:], young) }
        young[key] = (value, time)
    }

    mutating func remove(_ key: Key) {
        young[key] = nil
        old[key] = nil
    }
}
