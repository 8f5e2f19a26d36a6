import HTTPServer
package import OCI
package import Registry

/// A resource of the Distribution specification, read from a request's path.
package enum Endpoint: Equatable, Sendable {
    /// `/v2/`
    case base
    /// `/v2/_catalog`
    case catalog
    /// `/v2/<name>/tags/list`
    case tags(RepositoryName)
    /// `/v2/<name>/manifests/<reference>`
    case manifest(RepositoryName, Reference)
    /// `/v2/<name>/blobs/<digest>`
    case blob(RepositoryName, Digest)
    /// `/v2/<name>/blobs/uploads/`
    case uploads(RepositoryName)
    /// `/v2/<name>/blobs/uploads/<id>`
    case upload(RepositoryName, token: String)
    /// `/v2/<name>/referrers/<digest>`
    case referrers(RepositoryName, Digest)

    /// Reads a path as it was sent; nil for one that is no resource of the specification. Throws `NAME_INVALID`,
    /// `DIGEST_INVALID` or `TAG_INVALID`.
    ///
    /// Names may hold any component, even `blobs`, so the path is read from its end, and only after it was split are
    /// its components decoded: no escape can make another component.
    package init?(path: String) throws(RegistryError) {
        guard path.utf8.starts(with: "/v2".utf8) else { return nil }
        var components: [String] = []
        for piece in path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).dropFirst() {
            guard let component = PercentCoding.decode(Substring(piece)) else {
                throw RegistryError(.nameInvalid, "the path has a broken percent-encoding")
            }
            components.append(component)
        }
        guard components.removeFirst() == "v2" else { return nil }
        switch components {
        case [], [""]: self = .base
        case ["_catalog"]: self = .catalog
        default:
            guard let endpoint = try Self.inRepository(components) else { return nil }
            self = endpoint
        }
    }

    private static func inRepository(_ components: [String]) throws(RegistryError) -> Endpoint? {
        guard components.count >= 3 else { return nil }
        let last = components[components.count - 1]
        let kind = components[components.count - 2]
        let name = components[..<(components.count - 2)]
        switch kind {
        case "manifests": return .manifest(try repository(name), try reference(last))
        case "referrers": return .referrers(try repository(name), try digest(last))
        case "tags" where last == "list": return .tags(try repository(name))
        case "blobs" where last == "uploads": return .uploads(try repository(name))
        case "blobs": return .blob(try repository(name), try digest(last))
        case "uploads" where name.count >= 2 && name.last == "blobs":
            let name = try repository(name.dropLast())
            return last.isEmpty ? .uploads(name) : .upload(name, token: last)
        default: return nil
        }
    }

    private static func repository(_ components: ArraySlice<String>) throws(RegistryError) -> RepositoryName {
        guard components.allSatisfy({ !$0.utf8.contains(UInt8(ascii: "/")) }) else {
            throw RegistryError(.nameInvalid, "a repository name has no escaped slash")
        }
        do {
            return try RepositoryName(components.joined(separator: "/"))
        } catch {
            throw RegistryError(.nameInvalid, "\(error)")
        }
    }

    static func digest(_ text: String) throws(RegistryError) -> Digest {
        do {
            return try Digest(text)
        } catch {
            throw RegistryError(.digestInvalid, "\(error)")
        }
    }

    private static func reference(_ text: String) throws(RegistryError) -> Reference {
        do {
            return try Reference(text)
        } catch {
            switch error {
            case .digest(let problem): throw RegistryError(.digestInvalid, "\(problem)")
            case .tag(let problem): throw RegistryError(.tagInvalid, "\(problem)")
            }
        }
    }

    /// The class of endpoint, for metrics.
    var label: StaticString {
        switch self {
        case .base: "base"
        case .catalog: "catalog"
        case .tags: "tags"
        case .manifest: "manifest"
        case .blob: "blob"
        case .uploads, .upload: "upload"
        case .referrers: "referrers"
        }
    }

    /// The methods it has, as the `Allow` field lists them.
    var allowedMethods: String {
        switch self {
        case .base, .catalog, .tags, .referrers: "GET, HEAD"
        case .manifest: "GET, HEAD, PUT, DELETE"
        case .blob: "GET, HEAD, DELETE"
        case .uploads: "POST"
        case .upload: "GET, HEAD, PATCH, PUT, DELETE"
        }
    }
}
