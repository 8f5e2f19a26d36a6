import EventLoop
import HTTPClient
import HTTPServer
import S3
import TestSupport
import Testing

/// A server of this machine that plays a metadata service or STS: it answers as the test says, and notes every call.
final class MetadataService: Sendable {
    /// A request as it came.
    struct Call: Sendable {
        let method: String
        let path: String
        let host: String
        let authorization: String?
        /// `X-aws-ec2-metadata-token`.
        let token: String?
        /// `X-aws-ec2-metadata-token-ttl-seconds`.
        let lifetime: String?
        /// `x-amz-date`.
        let date: String?
        let body: String
    }

    /// What to answer.
    struct Reply: Sendable {
        var status = 200
        var body = ""
    }

    typealias Script = @Sendable (Call) async -> Reply

    private static let loops = Result { [try EventLoop(name: "metadata")] }
    private static let sharedClient = Result { HTTPClient(loops: [try EventLoop(name: "metadata-client")]) }

    /// The client all tests of credentials share.
    static var client: HTTPClient { get throws { try sharedClient.get() } }

    let port: UInt16
    private let server: HTTPServer
    private let noted: Guarded<[Call]>

    fileprivate init(_ script: @escaping Script) async throws {
        let noted = Guarded<[Call]>([])
        self.noted = noted
        let handler = Handler(script: script, noted: noted)
        server = HTTPServer(
            loops: try Self.loops.get(), limits: ServerLimits(), handler: handler, observers: HTTPServer.Observers())
        let socket = try ListeningSocket(try #require(SocketAddress("127.0.0.1:0")))
        port = socket.address.port
        try await server.listen(on: socket)
    }

    /// `http://127.0.0.1:PORT`.
    var endpoint: String { "http://127.0.0.1:\(port)" }

    /// The requests so far.
    var calls: [Call] { noted.value }

    fileprivate func stop() async { _ = await server.shutDown(timeout: 1) }

    private struct Handler: HTTPHandler {
        let script: Script
        let noted: Guarded<[Call]>

        func respond(to request: Request) async throws -> Response {
            let body = try await request.body.collect(limit: 64 << 10) ?? []
            let head = request.head
            let call = Call(
                method: head.method.name, path: head.path, host: head.value("Host") ?? "",
                authorization: head.value("Authorization"), token: head.value("X-aws-ec2-metadata-token"),
                lifetime: head.value("X-aws-ec2-metadata-token-ttl-seconds"), date: head.value("x-amz-date"),
                body: String(decoding: body, as: UTF8.self))
            noted.change { $0.append(call) }
            let reply = await script(call)
            return Response(Status(reply.status), body: .bytes(Array(reply.body.utf8)))
        }
    }
}

/// Runs `body` with a service that answers as `script` says.
func withMetadataService<Value>(
    _ script: @escaping MetadataService.Script, _ body: (MetadataService) async throws -> Value
) async throws -> Value {
    let service = try await MetadataService(script)
    do {
        let value = try await body(service)
        await service.stop()
        return value
    } catch {
        await service.stop()
        throw error
    }
}

extension MetadataService.Reply {
    static let secret = "a secret/+= nobody may see"

    /// Credentials as the container and instance services give them.
    static func credentials(_ key: String = "ASIAEXAMPLE", end: String = "2100-01-01T00:00:00Z") -> Self {
        Self(
            body: """
                {"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "\(key)", "Retries": 0,
                 "SecretAccessKey": "\(secret)", "Token": "token of \(key)\\u003d", "Expiration": "\(end)"}
                """)
    }

    /// Credentials as STS gives them.
    static func assumed(_ key: String = "ASIAEXAMPLE", by action: String) -> Self {
        Self(
            body: """
                <?xml version="1.0"?>
                <\(action)Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><\(action)Result>
                  <AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/s</Arn></AssumedRoleUser>
                  <Credentials>
                    <SessionToken>token of \(key)&#61;</SessionToken>
                    <SecretAccessKey>\(secret)</SecretAccessKey>
                    <Expiration>2100-01-01T00:00:00Z</Expiration>
                    <AccessKeyId>\(key)</AccessKeyId>
                  </Credentials>
                </\(action)Result></\(action)Response>
                """)
    }
}

extension Credentials {
    /// What both kinds of replies hold.
    static func expected(_ key: String = "ASIAEXAMPLE") -> Credentials {
        Credentials(
            accessKeyID: key, secretAccessKey: MetadataService.Reply.secret, sessionToken: "token of \(key)=",
            expiration: 4_102_444_800)
    }
}
