import Access
import HTTPServer
import OCI
import Registry

/// The endpoints that list: tags, repositories, referrers (distribution-spec, end-8, end-12; docker's `_catalog`).
struct ListEndpoints {
    /// Entries in one page, asked for or not; `Link` leads to the rest.
    private static let maximumPage = 10_000
    let repositories: Repositories
    let query: Query
    let caller: Caller
    /// Entries looked at for one page, shown or not.
    let looks: Int

    func tags(of name: RepositoryName, _ method: Method) async throws -> Response? {
        guard method == .get || method == .head else { return nil }
        let limit = try pageLimit() ?? Self.maximumPage
        let tags = repositories.repository(name).tags
        let isVisible = { (tag: Tag) in caller.may(.pull, in: name, tag: tag) }
        let page = try await visible(name.string, limit, \Tag.string, isVisible) { last, limit in
            let page = try await tags.list(after: last, limit: limit)
            return (page.tags, page.hasMore)
        }
        var response = Self.json(TagList(name: name, tags: page.entries).encoded())
        if let next = page.next { response.fields.append(Self.link("/v2/\(name)/tags/list?n=\(limit)", last: next)) }
        return response
    }

    func catalog(_ method: Method) async throws -> Response? {
        guard method == .get || method == .head else { return nil }
        let limit = try pageLimit() ?? Self.maximumPage
        let page = try await visible("", limit, \RepositoryName.string, caller.sees) { last, limit in
            let page = try await repositories.names(after: last, limit: limit)
            return (page.names, page.hasMore)
        }
        var response = Self.json(Catalog(repositories: page.entries).encoded())
        if let next = page.next { response.fields.append(Self.link("/v2/_catalog?n=\(limit)", last: next)) }
        return response
    }

    /// Up to `limit` entries the caller may see, and where the next page begins if there are more: it shows no entry
    /// that is not on a page, and no page but the last is empty unless very many entries before it are hidden.
    /// `name` tells this list from others.
    private func visible<Entry>(
        _ name: String, _ limit: Int, _ text: (Entry) -> String, _ isVisible: (Entry) -> Bool,
        in list: (_ last: String?, _ limit: Int) async throws -> (entries: [Entry], hasMore: Bool)
    ) async throws -> (entries: [Entry], next: String?) {
        var last = try query["last"].map { try position($0, in: name) }
        guard caller.isRestricted, limit > 0 else {
            let page = try await list(last, limit)
            return (page.entries, page.hasMore ? page.entries.last.map(text) : nil)
        }
        var found: [Entry] = []
        var (looked, size) = (0, limit + 1)
        while true {
            let page = try await list(last, size)
            found += page.entries.filter(isVisible)
            if found.count > limit { return (Array(found.prefix(limit)), text(found[limit - 1])) }
            guard page.hasMore, let end = page.entries.last.map(text) else { return (found, nil) }
            looked += page.entries.count
            if looked >= looks { return (found, repositories.sealedPosition(behind: end, for: reader(of: name))) }
            last = end
            size = min(max(2 * size, 100), 1000)
        }
    }

    /// Where to go on behind what a request says; throws for a sealed position that this caller was not given for this
    /// list.
    private func position(_ text: String, in list: String) throws -> String {
        // Who sees everything is never given a sealed one.
        guard caller.isRestricted else { return text }
        guard let position = repositories.position(text, for: reader(of: list)) else {
            throw StatusError(
                status: .badRequest,
                error: RegistryError(.unsupported, "last is no position that this caller was given in this list"))
        }
        return position
    }

    private func reader(of list: String) -> String { "\(list)\0\(caller.subject)" }

    func referrers(of subject: Digest, in name: RepositoryName, _ method: Method) async throws -> Response? {
        guard method == .get || method == .head else { return nil }
        let filter = query["artifactType"].flatMap { $0.isEmpty ? nil : $0 }
        let last = try query["last"].map(Endpoint.digest)
        let limit = try pageLimit()
        let page = try await repositories.repository(name).referrers.list(
            of: subject, artifactType: filter, after: last, limit: limit)
        var response = Self.json(ReferrersIndex(manifests: page.descriptors).encoded())
        response.fields = [("Content-Type", MediaType.ociIndex.string)]
        if filter != nil { response.fields.append(("OCI-Filters-Applied", "artifactType")) }
        // Nobody gets on by pages without entries.
        if let next = page.next, limit != 0 {
            var parameters: [String] = []
            if let limit { parameters.append("n=\(limit)") }
            if let filter { parameters.append("artifactType=\(PercentCoding.encode(filter))") }
            let path = "/v2/\(name)/referrers/\(subject)?\(parameters.joined(separator: "&"))"
            response.fields.append(Self.link(path, last: next.string))
        }
        return response
    }

    /// The page size asked for by `n`, nil when it is not; larger ones are cut, and anything but digits is refused.
    private func pageLimit() throws -> Int? {
        guard let text = query["n"] else { return nil }
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
            throw RegistryError(
                .paginationNumberInvalid, "n is not a number of entries",
                detail: .values(["n": String(text.prefix(64))])
            )
        }
        return min(Int(text) ?? Self.maximumPage, Self.maximumPage)
    }

    private static func json(_ bytes: [UInt8]) -> Response {
        Response(.ok, fields: [("Content-Type", "application/json")], body: .bytes(bytes))
    }

    private static func link(_ path: String, last: String) -> (name: StaticString, value: String) {
        let separator = path.hasSuffix("?") ? "" : "&"
        return ("Link", "<\(path)\(separator)last=\(PercentCoding.encode(last))>; rel=\"next\"")
    }
}
