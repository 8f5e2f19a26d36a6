import EventLoop
import Glibc
import HTTPServer
import TestSupport

/// Answers by path; each path is one thing a handler can do.
struct SmallHandler: HTTPHandler {
    struct Failure: Error {}

    /// A file of `pattern`, and one of zeros that is larger than any buffer on the way.
    let file: OpenFile
    let zeros: OpenFile
    /// Opened when the handlers that wait at `/gate` may go on.
    let gate = Gate()
    /// Where `/block` holds its loop's thread.
    let block = Barrier()
    let streams = Guarded(StreamLog())

    static let fileSize = 3 << 20
    static let zerosSize = 4 << 30

    init(in directory: TemporaryDirectory) throws {
        file = try Self.make(directory.path + "/pattern", size: Self.fileSize)
        zeros = try Self.make(directory.path + "/zeros", size: Self.zerosSize)
        let bytes = pattern(Self.fileSize)
        guard pwrite(file.number, bytes, bytes.count, 0) == bytes.count else { throw SystemCallError("pwrite") }
    }

    private static func make(_ path: String, size: Int) throws -> OpenFile {
        let descriptor = OwnedDescriptor(try Posix.call("open") { open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600) })
        let number = descriptor.number
        _ = try Posix.call("ftruncate") { ftruncate(number, off_t(size)) }
        return OpenFile(descriptor, size: size)
    }

    func respond(to request: Request) async throws -> Response {
        let number = Query(request.head.query)?["n"].flatMap { Int($0) } ?? 0
        switch request.head.path {
        case "/hello": return Response(.ok, body: .bytes(Array("hello".utf8)))
        case "/name":
            let name = request.certificateName ?? "nobody"
            return Response(.ok, body: .bytes(Array("\(name) \(request.isSecure ? "secure" : "plain")".utf8)))
        case "/status": return Response(Status(number))
        case "/bytes": return Response(.ok, body: .bytes(pattern(number)))
        case "/omitted": return Response(.ok, body: .omitted(length: number))
        case "/file": return Response(.ok, body: region(of: file, from: number, to: file.size))
        case "/zeros": return Response(.ok, body: region(of: zeros, from: 0, to: zeros.size))
        case "/cut": return Response(.ok, body: region(of: file, from: 0, to: file.size + 1))
        case "/split":
            return Response(.ok, fields: [("Location", "/a\r\nSet-Cookie: evil\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")])
        case "/fail": throw Failure()
        case "/gate":
            await gate.pass()
            return Response(.ok)
        case "/block":
            block.wait()
            return Response(.ok)
        case "/target": return Response(.ok, body: .bytes(Array("\(request.head.path)?\(request.head.query)".utf8)))
        default:
            if let response = try await respondWithStream(to: request) { return response }
            return try await respond(toBody: request, number)
        }
    }

    private func region(of file: OpenFile, from start: Int, to end: Int) -> ResponseBody {
        .file(FileRegion(file: file, offset: start, length: end - start))
    }

    private func respond(toBody request: Request, _ number: Int) async throws -> Response {
        switch request.head.path {
        case "/echo":
            guard let body = try await request.body.collect(limit: 64 << 20) else {
                return Response(.contentTooLarge)
            }
            return Response(.ok, body: .bytes(body))
        case "/collect":
            let body = try await request.body.collect(limit: number)
            return Response(body == nil ? .contentTooLarge : .ok)
        case "/check":
            return .text(.ok, try await check(request.body))
        case "/first":
            // A handler that fails after a part of the body.
            try await request.body.forEachChunk { _ in throw Failure() }
            return Response(.ok)
        case "/again":
            // A handler that goes on although the body is broken.
            do {
                try await request.body.forEachChunk { _ in }
            } catch is BodyError {
                _ = try await request.body.collect(limit: 100)
            }
            return Response(.ok)
        case "/ignore": return Response(.ok, body: .bytes(Array("ignored".utf8)))
        default: return Response(.notFound)
        }
    }

    /// `COUNT ok` if the body is `pattern`, `COUNT wrong` if it is not.
    private func check(_ body: RequestBody) async throws -> String {
        var count = 0
        var isRight = true
        try await body.forEachChunk { chunk in
            let expected = pattern(chunk.byteCount, from: count)
            isRight = isRight && chunk.withUnsafeBytes { memcmp($0.baseAddress!, expected, $0.count) == 0 }
            count += chunk.byteCount
        }
        return "\(count) \(isRight ? "ok" : "wrong")"
    }
}
