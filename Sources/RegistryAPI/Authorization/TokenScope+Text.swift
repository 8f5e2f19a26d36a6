import Access
import OCI

/// Scopes as they are written in requests and challenges (distribution's token specification, "Token Scope").
extension TokenScope {
    /// The actions there are, in the order they are written.
    static let actionNames = ["pull", "push", "delete", "*"]

    /// Reads `TYPE:NAME:ACTION,…`; nil for types, names and actions that this registry does not know.
    init?(_ text: Substring) {
        guard let first = text.firstIndex(of: ":"), let last = text.lastIndex(of: ":"), first < last else { return nil }
        let name = text[text.index(after: first)..<last]
        let actions = Set(text[text.index(after: last)...].split(separator: ",").map(String.init))
        switch text[..<first] {
        case "repository":
            // A name that no repository can have needs no token: no request for it gets further than its path.
            guard let name = try? RepositoryName(String(name)) else { return nil }
            self.init(.repository(name), actions: actions.intersection(Self.actionNames))
        case "registry" where name == "catalog" && actions.contains("*"): self.init(.catalog, actions: ["*"])
        default: return nil
        }
    }

    /// As a challenge names it.
    var text: String {
        let actions = Self.actionNames.filter(actions.contains).joined(separator: ",")
        return switch resource {
        case .repository(let name): "repository:\(name):\(actions)"
        case .catalog: "registry:catalog:\(actions)"
        }
    }
}

extension Action {
    /// What a token's scope calls it; nil for what no scope opens.
    var scopeName: String? {
        switch self {
        case .pull: "pull"
        case .push, .overwrite: "push"
        case .delete: "delete"
        case .admin: nil
        }
    }

    /// What a client should ask a token for to do it.
    func scope(in repository: RepositoryName) -> TokenScope {
        let actions: Set<String> =
            switch self {
            case .pull, .admin: ["pull"]
            case .push, .overwrite: ["pull", "push"]
            case .delete: ["pull", "delete"]
            }
        return TokenScope(.repository(repository), actions: actions)
    }
}
