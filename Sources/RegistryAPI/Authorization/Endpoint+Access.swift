import Access
import HTTPServer
import OCI

/// What each endpoint asks of its caller: the one place that says so.
extension Endpoint {
    /// Throws `AccessRefusal` unless the caller may do what the request asks for, as far as that depends on nothing in
    /// the store.
    func authorize(_ caller: Caller, _ method: Method, _ query: Query) throws {
        guard caller.isRestricted else { return }
        switch self {
        case .base: try caller.requireIdentity()
        case .catalog: try caller.requireCatalog()
        case .tags(let name), .referrers(let name, _): try caller.require(.pull, in: name)
        case .uploads(let name), .upload(let name, _): try caller.require(.push, in: name)
        case .blob(let name, _): try caller.require(method.isRead ? .pull : .delete, in: name)
        case .manifest(let name, let reference):
            if method.isRead { return try caller.require(.pull, in: name, tag: reference.tag) }
            if method == .delete { return try caller.require(.delete, in: name, tag: reference.tag) }
            try caller.require(.push, in: name)
            let tags = try reference.tag.map { [$0] } ?? ManifestEndpoint.tags(query)
            for tag in tags { try caller.condition(on: tag, in: name) }
        }
    }

    var repository: RepositoryName? {
        switch self {
        case .base, .catalog: nil
        case .tags(let name), .manifest(let name, _), .blob(let name, _), .uploads(let name), .upload(let name, _),
            .referrers(let name, _):
            name
        }
    }

    /// The tag of the path.
    var tag: Tag? {
        if case .manifest(_, .tag(let tag)) = self { tag } else { nil }
    }

    /// The tag or digest of the path.
    var reference: String? {
        switch self {
        case .manifest(_, let reference): reference.description
        case .blob(_, let digest), .referrers(_, let digest): digest.string
        case .base, .catalog, .tags, .uploads, .upload: nil
        }
    }

    /// What is mainly asked for.
    func action(_ method: Method) -> Action? {
        switch self {
        case .base: nil
        case .catalog, .tags, .referrers: .pull
        case .uploads, .upload: .push
        case .manifest, .blob: method.isRead ? .pull : method == .delete ? .delete : .push
        }
    }

    /// What a client needs a token for.
    func scopes(_ head: RequestHead) -> [TokenScope] {
        if case .catalog = self { return [TokenScope(.catalog, actions: ["*"])] }
        guard let repository, let action = action(head.method) else { return [] }
        // Who only asks whether a blob is there is about to push, and some clients never ask for another token.
        let isPushing = if case .blob = self { head.method == .head } else { false }
        let scope = (isPushing ? .push : action).scope(in: repository)
        // A source that is no name is none.
        guard case .uploads = self, let query = Query(head.query), query["mount"] != nil,
            let source = query["from"].flatMap({ try? RepositoryName($0) }), source != repository
        else { return [scope] }
        return [scope, Action.pull.scope(in: source)]
    }
}

extension Reference {
    /// Nil for a digest.
    fileprivate var tag: Tag? {
        if case .tag(let tag) = self { tag } else { nil }
    }
}

extension Method {
    var isRead: Bool { self == .get || self == .head }
}
