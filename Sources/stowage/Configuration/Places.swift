/// Where each setting got its value, for complaints. Configurations are equal wherever their values come from.
struct Places: Equatable, Sendable {
    private var origins: [[String]: String] = [:]

    init(_ origins: [[String]: String] = [:]) { self.origins = origins }

    /// Place and name of a setting, as a complaint begins: `stowage.yaml:3: tls.key`; only the name for a default.
    func place(_ path: [String]) -> String {
        let name = path.joined(separator: ".")
        return origins[path].map { "\($0): \(name)" } ?? name
    }

    static func == (_: Places, _: Places) -> Bool { true }
}
