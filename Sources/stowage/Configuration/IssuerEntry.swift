import Access
import Yams

/// Somebody whose tokens are believed, as it is written.
struct IssuerEntry: Entry {
    static let isNamed = false
    private static let keys = [
        "name", "issuer", "audience", "algorithms", "keysURL", "keysFile", "caFile", "tokenFile", "nameClaim",
        "groupsClaim", "claims", "requiredClaims", "maximumAge",
    ]

    /// Where the name stands.
    let place: String
    /// Where the values of its settings stand, by their names.
    private let places: [String: String]
    let settings: Issuer.Settings

    var name: String { settings.name }
    var issuer: String { settings.issuer }
    var hasKeysFile: Bool { !settings.keysFile.isEmpty }

    init?(_ node: Node, key: Node?, _ reader: inout EntryReader) {
        let pairs = reader.pairs(node, known: Self.keys)
        guard !pairs.isEmpty else { return nil }
        for (key, example) in [
            ("name", "github"), ("issuer", "https://token.actions.githubusercontent.com"),
            ("audience", "registry.example.com"),
        ] where pairs[key] == nil {
            reader.complain(node, "an issuer needs \(key), such as \(example)")
        }
        func text(_ key: String) -> String? { pairs[key].flatMap { reader.text($0.value, of: key) }?.text }
        guard let name = text("name"), let issuer = text("issuer"), let audience = text("audience") else { return nil }
        var settings = Issuer.Settings(name: name, issuer: issuer, audience: audience)
        settings.keysURL = text("keysURL") ?? ""
        settings.keysFile = text("keysFile") ?? ""
        settings.caFile = text("caFile") ?? ""
        settings.tokenFile = text("tokenFile") ?? ""
        settings.nameClaim = text("nameClaim") ?? settings.nameClaim
        settings.groupsClaim = text("groupsClaim") ?? ""
        if let pair = pairs["algorithms"] { settings.algorithms = Self.algorithms(pair.value, &reader) }
        settings.claims = pairs["claims"].map { reader.textsByName($0.value) } ?? [:]
        settings.requiredClaims = pairs["requiredClaims"].map { reader.textsByName($0.value) } ?? [:]
        if let pair = pairs["maximumAge"], let age = reader.text(pair.value) {
            guard let span = TimeSpan(age.text) else {
                reader.complain(pair.value, "maximumAge: expected a time such as 90s, 15m, 24h or 7d")
                return nil
            }
            settings.maximumAge = span.seconds
        }
        // Each begins with the key it is about.
        for problem in settings.problems {
            let key = String(problem.prefix { $0.isLetter })
            reader.complain(pairs[key]?.value ?? node, problem)
        }
        self.settings = settings
        place = reader.place(pairs["name"]?.value ?? node)
        places = pairs.mapValues { [reader] in reader.place($0.value) }
    }

    /// What is wrong with one of its settings, as a complaint.
    func complaint(_ setting: String, _ reason: String) -> String {
        "\(places[setting] ?? place): access.issuers: \(setting): \(reason)"
    }

    private static func algorithms(_ node: Node, _ reader: inout EntryReader) -> Set<Issuer.Algorithm> {
        var algorithms: Set<Issuer.Algorithm> = []
        for text in reader.texts(node) {
            guard let algorithm = Issuer.Algorithm(rawValue: text.text) else {
                let known = Issuer.Algorithm.allCases.map(\.rawValue).joined(separator: ", ")
                reader.complain(text.place, "algorithms: \(text.text.onOneLine) is none of \(known)")
                continue
            }
            algorithms.insert(algorithm)
        }
        return algorithms
    }
}
