import EventLoop
import HTTPServer
import OCI
import ObjectStorage
import Registry

/// `/v2/<name>/blobs/<digest>` (distribution-spec, end-2 and end-10).
struct BlobEndpoint {
    let repository: Repository
    let digest: Digest
    let pulls: PullSettings

    /// The client's range lies outside of the blob.
    private struct Unsatisfiable: Error {
        let size: Int
    }

    func respond(to request: Request) async throws -> Response? {
        switch request.head.method {
        case .head: return try await head(request.head)
        case .get: return try await get(request.head)
        case .delete:
            try await repository.blobs.delete(digest)
            return Response(.accepted)
        default: return nil
        }
    }

    private func head(_ head: RequestHead) async throws -> Response {
        guard let info = try await repository.blobs.find(digest) else { throw unknown }
        if EntityTag.matches(head, digest) { return Response(.notModified, fields: fields) }
        return Response(.ok, fields: fields, body: .omitted(length: info.size))
    }

    private func get(_ head: RequestHead) async throws -> Response {
        if EntityTag.matches(head, digest) {
            guard try await repository.blobs.find(digest) != nil else { throw unknown }
            return Response(.notModified, fields: fields)
        }
        if pulls.mode == .redirect {
            switch try await repository.blobs.redirect(digest, minimumSize: pulls.redirectMinimumSize) {
            case .url(let url): return redirect(to: url)
            case .invisible: throw unknown
            case .none: break
            }
        }
        guard let range = head.value("Range"), EntityTag.allowsRange(head, digest) else { return try await whole() }
        return try await part(range)
    }

    private func whole() async throws -> Response {
        guard let content = try await repository.blobs.whole(digest, cache: pulls.cache) else { throw unknown }
        return Response(.ok, fields: fields, body: ResponseBody(content.body))
    }

    private func part(_ field: String) async throws -> Response {
        var part: Range<Int>?
        do {
            let content = try await repository.blobs.part(digest, cache: pulls.cache) { size in
                switch ByteRange(field, size: size) {
                case .whole: part = nil
                case .part(let range): part = range
                case .unsatisfiable: throw Unsatisfiable(size: size)
                }
                return part
            }
            guard let content else { throw unknown }
            let body = ResponseBody(content.body)
            guard let part else { return Response(.ok, fields: fields, body: body) }
            let described = "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(content.size)"
            return Response(.partialContent, fields: fields + [("Content-Range", described)], body: body)
        } catch let error as Unsatisfiable {
            return unsatisfiable(size: error.size)
        }
    }

    /// Sends the client to the store, which also answers a Range.
    private func redirect(to url: String) -> Response {
        Response(
            .temporaryRedirect,
            fields: [
                ("Location", url),
                ("Docker-Content-Digest", digest.string),
                // The URL holds much longer, and whoever has it may read the blob: no cache but the client's own.
                ("Cache-Control", "private, max-age=60"),
            ])
    }

    private func unsatisfiable(size: Int) -> Response {
        var response = ErrorResponder.response(
            .rangeNotSatisfiable, [RegistryError(.sizeInvalid, "the range lies outside of the blob's \(size) bytes")])
        response.fields.append(("Content-Range", "bytes */\(size)"))
        return response
    }

    /// Never the pushed media type: a browser must not run what somebody uploaded.
    private var fields: [(name: StaticString, value: String)] {
        [
            ("Content-Type", "application/octet-stream"),
            ("Docker-Content-Digest", digest.string),
            ("ETag", EntityTag.of(digest)),
            ("Accept-Ranges", "bytes"),
            ("X-Content-Type-Options", "nosniff"),
        ]
    }

    private var unknown: RegistryError {
        RegistryError(
            .blobUnknown, "blob unknown to the repository", detail: .values(["digest": digest.string]))
    }
}

extension ResponseBody {
    init(_ body: BlobContent.Body) {
        self =
            switch body {
            case .object(let object): ResponseBody(object)
            case .cached(let blob): .growing(CachedContent(base: blob))
            }
    }

    private init(_ body: ObjectBody) {
        self =
            switch body {
            case .bytes(let bytes): .bytes(bytes)
            case .file(let region): .file(region)
            case .stream(let stream): .stream(StreamedContent(base: stream))
            }
    }
}

/// An object's bytes on their way to a client.
private struct StreamedContent: ResponseStream {
    let base: any ObjectStream
    var length: Int { base.size }

    func forEachChunk(_ send: (RawSpan) async throws -> Void) async throws {
        try await base.forEachChunk(send)
    }
}

/// A cached blob's bytes on their way to a client.
private struct CachedContent: FileStream {
    let base: CachedBlob
    var length: Int { base.length }

    func forEachRegion(_ send: (FileRegion) async throws -> Void) async throws {
        try await base.forEachRegion(send)
    }
}

/// Validators of content-addressed resources (RFC 9110, section 8.8.3): the digest itself.
enum EntityTag {
    static func of(_ digest: Digest) -> String { "\"\(digest.string)\"" }

    /// Whether If-None-Match names what the client would get.
    static func matches(_ head: RequestHead, _ digest: Digest) -> Bool {
        guard let field = head.value("If-None-Match") else { return false }
        let wanted = of(digest)
        return field.split(separator: ",").contains { item in
            let tag = item.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" }
            return tag == wanted || tag == "*" || tag == "W/\(wanted)"
        }
    }

    /// Whether If-Range lets a Range apply.
    static func allowsRange(_ head: RequestHead, _ digest: Digest) -> Bool {
        guard let field = head.value("If-Range") else { return true }
        return field == of(digest)
    }
}
