import HTTPServer
import OCI
import Registry

/// The endpoints that list: tags, repositories, referrers (distribution-spec, end-8, end-12; docker's `_catalog`).
struct ListEndpoints {
    /// Entries in one page, asked for or not; `Link` leads to the rest.
    private static let maximumPage = 10_000

    let repositories: Repositories
    let query: Query

    func tags(of name: RepositoryName, _ method: Method) async throws -> Response? {
        guard method == .get || method == .head else { return nil }
        let limit = try pageLimit() ?? Self.maximumPage
        let page = try await repositories.repository(name).tags.list(after: query["last"], limit: limit)
        var response = Self.json(TagList(name: name, tags: page.tags).encoded())
        if page.hasMore, let last = page.tags.last {
            response.fields.append(Self.link("/v2/\(name)/tags/list?n=\(limit)", last: last.string))
        }
        return response
    }

    func catalog(_ method: Method) async throws -> Response? {
        guard method == .get || method == .head else { return nil }
        let limit = try pageLimit() ?? Self.maximumPage
        let (names, hasMore) = try await repositories.names(after: query["last"], limit: limit)
        var response = Self.json(Catalog(repositories: names).encoded())
        if hasMore, let last = names.last {
            response.fields.append(Self.link("/v2/_catalog?n=\(limit)", last: last.string))
        }
        return response
    }

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
