import Access
import HTTPServer
import OCI
import Registry

/// `/v2/<name>/blobs/uploads/…` (distribution-spec, end-4, end-5, end-6, end-11, end-13 and end-14).
struct UploadEndpoint {
    let repository: Repository
    let caller: Caller
    var limits: CallerLimits?

    // MARK: POST …/uploads/

    func begin(_ request: Request, _ query: Query) async throws -> Response? {
        guard request.head.method == .post else { return nil }
        if let text = query["mount"] {
            if let digest = try await mount(text, from: query["from"]) { return created(digest) }
        } else if let text = query["digest"] {
            let digest = try Endpoint.digest(text)
            let upload = repository.uploads.single(expecting: digest)
            try await receive(request, into: upload, expecting: digest)
            try await upload.commit(expecting: digest)
            return created(digest)
        }
        let session = repository.uploads.begin(algorithm: try algorithm(query))
        return Response(
            .accepted, fields: Self.fields(repository.name, id: session.id, token: session.token, offset: 0))
    }

    /// The digest if the blob could be mounted; if not, the client goes on with an ordinary upload.
    private func mount(_ text: String, from source: String?) async throws -> Digest? {
        let digest = try Endpoint.digest(text)
        var origin: RepositoryName?
        if let source {
            // A source that is no name has no blobs, which is no error here.
            guard let name = try? RepositoryName(source) else { return nil }
            origin = name
        }
        // As if the source did not exist, or the blob nowhere: the client then uploads it.
        guard caller.may(.pull, in: origin ?? repository.name) else { return nil }
        return try await repository.blobs.mount(digest, from: origin) ? digest : nil
    }

    private func algorithm(_ query: Query) throws -> Digest.Algorithm {
        guard let text = query["digest-algorithm"] else { return .sha256 }
        guard let algorithm = Digest.Algorithm(rawValue: text) else {
            throw RegistryError(
                .digestInvalid, "unsupported digest algorithm; supported are sha256 and sha512",
                detail: .values(["digest-algorithm": String(text.prefix(64))]))
        }
        return algorithm
    }

    // MARK: …/uploads/<id>

    func respond(to request: Request, _ token: String, _ query: Query) async throws -> Response? {
        switch request.head.method {
        case .get, .head: return try await status(token)
        case .patch: return try await append(request, token)
        case .put: return try await finish(request, token, query)
        case .delete:
            try await repository.uploads.resume(token).cancel()
            return Response(.noContent)
        default: return nil
        }
    }

    private func status(_ token: String) async throws -> Response {
        let upload = try await repository.uploads.resume(token)
        if upload.isStale { throw Self.unknown }
        let fields = Self.fields(
            repository.name, id: upload.id, token: try await upload.currentToken(), offset: upload.offset)
        return Response(.noContent, fields: fields)
    }

    private func append(_ request: Request, _ token: String) async throws -> Response {
        let upload = try await repository.uploads.resume(token)
        let range = try await checkRange(request, upload)
        try await receive(request, into: upload, expecting: nil, range: range)
        let next = try await upload.suspend()
        return Response(
            .accepted, fields: Self.fields(repository.name, id: upload.id, token: next, offset: upload.offset))
    }

    private func finish(_ request: Request, _ token: String, _ query: Query) async throws -> Response {
        let upload = try await repository.uploads.resume(token)
        // Before the digest: a piece out of order must leave the session as it is, whatever else is wrong.
        let range = try await checkRange(request, upload)
        guard let text = query["digest"] else {
            throw RegistryError(.digestInvalid, "the closing request of an upload needs a digest parameter")
        }
        let digest = try Endpoint.digest(text)
        try await receive(request, into: upload, expecting: digest, range: range)
        try await upload.commit(expecting: digest)
        return created(digest)
    }

    // MARK: Bodies

    /// The Content-Range of the request, which must begin where the upload ends; nil when there is none.
    private func checkRange(_ request: Request, _ upload: BlobUpload) async throws -> UploadRange? {
        guard let field = request.head.value("Content-Range") else { return nil }
        guard let range = UploadRange(field) else {
            throw RegistryError(.blobUploadInvalid, "the Content-Range is not FIRST-LAST")
        }
        try await upload.require(start: range.first)
        if let length = request.body.length, length != range.count {
            throw StatusError(
                status: .badRequest, error: RegistryError(.sizeInvalid, "Content-Range and Content-Length disagree"))
        }
        return range
    }

    private func receive(
        _ request: Request, into upload: BlobUpload, expecting digest: Digest?, range: UploadRange? = nil
    ) async throws {
        guard let limits else { return try await take(request, into: upload, expecting: digest, range) }
        try await limits.uploading { try await take(request, into: upload, expecting: digest, range) }
    }

    private func take(
        _ request: Request, into upload: BlobUpload, expecting digest: Digest?, _ range: UploadRange?
    ) async throws {
        // A piece says where it belongs; what does not is nearly always the whole content.
        try await upload.start(expecting: digest, size: request.body.length, isStreamed: digest == nil && range == nil)
        var count = 0
        try await request.body.forEachChunk { chunk in
            let size = chunk.byteCount
            count += size
            try await upload.append(chunk)
            try await limits?.pace(size, .received)
        }
        if let range, range.count != count {
            throw StatusError(
                status: .badRequest, error: RegistryError(.sizeInvalid, "the body is not as long as its Content-Range"))
        }
    }

    // MARK: Answers

    private func created(_ digest: Digest) -> Response {
        Response(
            .created,
            fields: [
                ("Location", "/v2/\(repository.name)/blobs/\(digest)"),
                ("Docker-Content-Digest", digest.string),
            ])
    }

    /// Where an upload stands. The Location is relative: behind a proxy nobody has to know the outer name.
    static func fields(
        _ name: RepositoryName, id: UploadID, token: String, offset: Int
    ) -> [(name: StaticString, value: String)] {
        [
            ("Location", "/v2/\(name)/blobs/uploads/\(token)"),
            ("Range", "0-\(max(0, offset - 1))"),
            ("Docker-Upload-UUID", id.hex),
        ]
    }

    private static let unknown = RegistryError(
        .blobUploadUnknown, "the upload does not exist, has expired or belongs to another repository")
}
