import EventLoop
import OpenSSL
import Yams

extension Configuration {
    /// The listener that speaks TLS. An empty text is a setting that is not set.
    struct TLS: Codable, Equatable, Sendable {
        /// `ADDRESS:PORT`; empty for none.
        var listen = ""
        /// A file of PEM: the certificate, then the chain.
        var certificate = ""
        /// A file of PEM: the private key.
        var key = ""
        /// A file of PEM: who signs the certificates of clients.
        var clientCA = ""
        var clientCertificates = TLSContext.ClientCertificates.none
    }

    /// Who callers are, and what they may do.
    struct Access: Codable, Equatable, Sendable {
        /// Users with bcrypt hashes.
        var htpasswd = File()
        /// Accounts for machines, made by `stowage robot`.
        var robots = File()
        /// What a client without credentials is told to bring.
        var challenge = Challenge.bearer
        var tokens = Tokens()
        /// Whose tokens are believed.
        var issuers = Entries<IssuerEntry>()
        var groups = Entries<GroupEntry>()
        /// From top to bottom; the first that applies decides.
        var rules = Entries<RuleEntry>()

        struct File: Codable, Equatable, Sendable {
            var file = ""
        }

        /// The tokens this registry gives out at `/token`.
        struct Tokens: Codable, Equatable, Sendable {
            /// A PEM file of the keys that sign; empty for keys in the store, which all replicas share.
            var keyFile = ""
            var lifetime = TimeSpan(300)
            var refreshLifetime = TimeSpan(30 * 86_400)
            /// The name tokens are meant for; empty for the host of the external URL, or of the request.
            var service = ""
            /// `https://HOST[:PORT]` as clients write it; empty for what each request says.
            var externalURL = ""
        }

        /// Whether there is any way to say who one is, besides a client certificate.
        var hasLogins: Bool { !htpasswd.file.isEmpty || !robots.file.isEmpty || !issuers.all.isEmpty }
        var hasRules: Bool { !rules.all.isEmpty }
    }

    /// What one caller may take; 0 is no limit.
    struct Limits: Codable, Equatable, Sendable {
        var requestsPerSecond = 0
        /// Requests that may come at once after a pause; 0 for one second's worth.
        var burst = 0
        /// Bytes of uploads.
        var receivedBytesPerSecond = ByteCount(0)
        /// Bytes of downloads.
        var sentBytesPerSecond = ByteCount(0)
        var concurrentUploads = 0
    }

    /// What was changed or refused, and by whom.
    struct Audit: Codable, Equatable, Sendable {
        /// Empty for standard output.
        var file = ""
    }

    /// Whether anybody is asked who he is.
    var isControlled: Bool { access.hasLogins || access.hasRules || tls.clientCertificates != .none }

    /// Whether other machines reach a plain listener, and no proxy is known that does TLS for it.
    var sendsPasswordsInTheClear: Bool {
        guard let address = SocketAddress(listen), !address.isLoopback else { return false }
        return access.hasLogins && proxies.all.isEmpty
    }
}

/// The scheme of `WWW-Authenticate`.
enum Challenge: String, Codable, CaseIterable, Sendable {
    case bearer, basic
}

/// `NAME: [MEMBER, …]`
struct GroupEntry: Entry {
    static let isNamed = true

    let name: PlacedText
    let members: [PlacedText]

    init?(_ node: Node, key: Node?, _ reader: inout EntryReader) {
        guard let key, let name = reader.text(key) else { return nil }
        self.name = name
        members = reader.texts(node)
    }
}

/// One rule, as it is written.
struct RuleEntry: Entry {
    static let isNamed = false
    private static let keys = ["who", "allow", "deny", "repositories", "tags"]

    /// Where it begins.
    let place: String
    let who: [PlacedText]
    let isAllowing: Bool
    let actions: [PlacedText]
    /// Nil for all.
    let repositories: [PlacedText]?
    let tags: [PlacedText]?

    init?(_ node: Node, key: Node?, _ reader: inout EntryReader) {
        let pairs = reader.pairs(node, known: Self.keys)
        guard !pairs.isEmpty else { return nil }
        place = reader.place(node)
        if let allow = pairs["allow"], let deny = pairs["deny"] {
            reader.complain(
                [allow.key, deny.key].max { ($0.mark?.line ?? 0) < ($1.mark?.line ?? 0) } ?? node,
                "a rule either allows or denies; make two of it")
            return nil
        }
        guard let who = pairs["who"] else {
            reader.complain(node, "a rule needs who, such as [authenticated] or ['user:alice']")
            return nil
        }
        guard let actions = pairs["allow"] ?? pairs["deny"] else {
            reader.complain(node, "a rule needs allow or deny, such as allow: [pull]")
            return nil
        }
        isAllowing = pairs["allow"] != nil
        self.who = reader.texts(who.value)
        self.actions = reader.texts(actions.value)
        repositories = pairs["repositories"].map { reader.texts($0.value) }
        tags = pairs["tags"].map { reader.texts($0.value) }
    }
}

/// An address, or a network as `10.0.0.0/8`.
struct ProxyEntry: Entry {
    static let isNamed = false

    let network: Network

    init?(_ node: Node, key: Node?, _ reader: inout EntryReader) {
        guard let text = reader.text(node) else { return nil }
        guard let network = Network(text.text) else {
            reader.complain(
                node,
                "expected an address or a network, such as 10.0.0.0/8 or ::1 (found \(text.text.debugDescription))")
            return nil
        }
        self.network = network
    }
}
