import Access
import HTTPServer
import OCI
import Registry

/// `/v2/<name>/manifests/<reference>` (distribution-spec, end-3, end-7 and end-9).
struct ManifestEndpoint {
    /// Tags one PUT may set by `?tag=`; the specification asks for at least 10.
    private static let maximumTags = 100

    let repository: Repository
    let reference: Reference
    let caller: Caller

    func respond(to request: Request, _ query: Query) async throws -> Response? {
        switch request.head.method {
        case .get, .head: return try await get(request.head)
        case .put: return try await put(request, query)
        case .delete: return try await delete()
        default: return nil
        }
    }

    private func get(_ head: RequestHead) async throws -> Response {
        let manifest = try await repository.manifests.get(reference)
        let fields: [(name: StaticString, value: String)] = [
            ("Content-Type", manifest.mediaType.string),
            ("Docker-Content-Digest", manifest.digest.string),
            ("ETag", EntityTag.of(manifest.digest)),
            ("X-Content-Type-Options", "nosniff"),
        ]
        if EntityTag.matches(head, manifest.digest) { return Response(.notModified, fields: fields) }
        return Response(.ok, fields: fields, body: .bytes(manifest.bytes))
    }

    private func put(_ request: Request, _ query: Query) async throws -> Response {
        let tags = try tags(query)
        let conditions = try conditions(tags)
        let contentType = try contentType(request.head)
        guard let bytes = try await request.body.collect(limit: Manifest.maximumSize) else {
            throw RegistryError(.sizeInvalid, "a manifest may have at most \(Manifest.maximumSize) bytes")
        }
        var expected: Digest?
        if case .digest(let digest) = reference { expected = digest }
        var manifests = repository.manifests
        manifests.keepsTypes = !caller.may(.overwrite, in: repository.name)
        let result = try await manifests.put(
            bytes, contentType: contentType, expected: expected, tags: tags, conditions: conditions)
        var fields: [(name: StaticString, value: String)] = [
            ("Location", "/v2/\(repository.name)/manifests/\(reference)"),
            ("Docker-Content-Digest", result.digest.string),
        ]
        if let subject = result.subject { fields.append(("OCI-Subject", subject.string)) }
        if expected != nil { fields += tags.map { ("OCI-Tag", $0.string) } }
        return Response(.created, fields: fields)
    }

    /// The tags the manifest shall get: the reference itself, or those in the query of a push by digest.
    private func tags(_ query: Query) throws -> [Tag] {
        if case .tag(let tag) = reference { return [tag] }
        return try Self.tags(query)
    }

    /// The tags in the query of a push by digest.
    static func tags(_ query: Query) throws -> [Tag] {
        let texts = query.values("tag")
        guard texts.count <= maximumTags else {
            throw StatusError(
                status: .uriTooLong,
                error: RegistryError(.tagInvalid, "one request may set at most \(maximumTags) tags"))
        }
        return try texts.map { text in
            do {
                return try Tag(text)
            } catch {
                throw RegistryError(.tagInvalid, "\(error)")
            }
        }
    }

    /// What setting each tag may change; empty for whoever may change everything.
    private func conditions(_ tags: [Tag]) throws -> [Tag: TagCondition] {
        guard caller.isRestricted else { return [:] }
        return try Dictionary(
            tags.map { tag in
                (tag, try caller.condition(on: tag, in: repository.name))
            }
        ) { first, _ in first }
    }

    private func contentType(_ head: RequestHead) throws -> MediaType? {
        guard let field = head.value("Content-Type"), !field.isEmpty else { return nil }
        guard let type = MediaType(field) else {
            throw RegistryError(.manifestInvalid, "the Content-Type is no media type")
        }
        return type
    }

    private func delete() async throws -> Response {
        switch reference {
        case .tag(let tag): try await repository.tags.delete(tag)
        case .digest(let digest): try await repository.manifests.delete(digest)
        }
        return Response(.accepted)
    }
}
