import HTTPServer
import OCI
import ObjectStorage
import Registry

/// `/v2/<name>/blobs/<digest>` (distribution-spec, end-2 and end-10).
struct BlobEndpoint {
    let repository: Repository
    let digest: Digest

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
        guard let range = head.value("Range"), EntityTag.allowsRange(head, digest) else { return try await whole() }
        guard let info = try await repository.blobs.find(digest) else { throw unknown }
        switch ByteRange(range, size: info.size) {
        case .whole: return try await whole()
        case .unsatisfiable: return unsatisfiable(size: info.size)
        case .part(let part):
            guard let object = try await repository.blobs.get(digest, range: part) else { throw unknown }
            let described = "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(info.size)"
            return Response(
                .partialContent, fields: fields + [("Content-Range", described)], body: ResponseBody(object.body))
        }
    }

    private func whole() async throws -> Response {
        guard let object = try await repository.blobs.get(digest) else { throw unknown }
        return Response(.ok, fields: fields, body: ResponseBody(object.body))
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
    init(_ body: ObjectBody) {
        self =
            switch body {
            case .bytes(let bytes): .bytes(bytes)
            case .file(let region): .file(region)
            case .stream(let stream): .stream(StreamedObject(base: stream))
            }
    }
}

/// An object's bytes on their way to a client.
private struct StreamedObject: ResponseStream {
    let base: any ObjectStream
    var length: Int { base.size }

    func forEachChunk(_ send: (RawSpan) async throws -> Void) async throws {
        try await base.forEachChunk(send)
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
