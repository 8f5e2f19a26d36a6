import Synchronization

/// What clients of a registry that is killed again and again were told, and what they tried.
final class Ledger: Sendable {
    struct State {
        /// Acknowledged, in the order they were.
        var blobs: [Stored] = []
        var manifests: [Stored] = []
        /// Sent, acknowledged or not.
        var triedBlobs: [Stored] = []
        var tags: [TagName: TagState] = [:]
        /// Manifests that refer to another one.
        var referrers: [(subject: Content, referrer: Content, repository: String)] = []
    }

    struct Stored: Sendable {
        let content: Content
        let repository: String
    }

    /// What a tag may hold: the manifest acknowledged last, and those sent since.
    struct TagState: Sendable {
        var acknowledged: Content?
        var sent: [Content] = []
    }

    struct TagName: Hashable, Sendable {
        let repository: String
        let tag: String
    }

    private let state = Mutex(State())
    /// Bytes all clients have sent.
    let traffic = Atomic<Int>(0)

    var snapshot: State { state.withLock { $0 } }

    func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }

    /// A random acknowledged blob.
    func blob(using random: inout some RandomNumberGenerator) -> Stored? {
        snapshot.blobs.randomElement(using: &random)
    }

    // MARK: Tags

    /// A manifest is on its way to a tag.
    func willSet(_ tag: TagName, to manifest: Content) {
        change { $0.tags[tag, default: TagState()].sent.append(manifest) }
    }

    /// It arrived: what the tag held before is gone, as every tag is set by one client only.
    func didSet(_ tag: TagName, to manifest: Content) {
        change { $0.tags[tag] = TagState(acknowledged: manifest) }
    }
}
