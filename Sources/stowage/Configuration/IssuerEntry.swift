import Yams

/// Somebody whose tokens are believed, as it is written.
struct IssuerEntry: Entry {
    static let isNamed = false
    private static let keys = [
        "name", "url", "audience", "keyFile", "caFile", "algorithms", "nameClaim", "groupClaims", "claims",
    ]

    /// Where it begins.
    let place: String
    /// What its identities and groups begin with.
    let name: PlacedText
    /// The `iss` of its tokens, below which its keys are found.
    let url: PlacedText
    /// One of them must be an `aud` of a token.
    let audiences: [PlacedText]
    /// Its keys (RFC 7517) as a file, instead of those it publishes.
    let keyFile: PlacedText?
    /// PEM certificates to trust instead of the system's.
    let caFile: PlacedText?
    let algorithms: [PlacedText]
    let nameClaim: PlacedText?
    let groupClaims: [PlacedText]
    /// What rules may ask for.
    let claims: [PlacedText]

    init?(_ node: Node, key: Node?, _ reader: inout EntryReader) {
        let pairs = reader.pairs(node, known: Self.keys)
        guard !pairs.isEmpty else { return nil }
        place = reader.place(node)
        func text(_ key: String) -> PlacedText? { pairs[key].flatMap { reader.text($0.value) } }
        func texts(_ key: String) -> [PlacedText] { pairs[key].map { reader.texts($0.value) } ?? [] }
        for (key, example) in [
            ("name", "github"), ("url", "https://token.actions.githubusercontent.com"),
            ("audience", "registry.example.com"),
        ] where pairs[key] == nil {
            reader.complain(node, "an issuer needs \(key), such as \(example)")
        }
        guard let name = text("name"), let url = text("url") else { return nil }
        (self.name, self.url) = (name, url)
        audiences = texts("audience")
        (keyFile, caFile, nameClaim) = (text("keyFile"), text("caFile"), text("nameClaim"))
        (algorithms, groupClaims, claims) = (texts("algorithms"), texts("groupClaims"), texts("claims"))
    }
}
