import EventLoop
import Glibc
import HTTPClient
import S3
import TestSupport

/// Clients of the S3 service for tests.
enum TestS3 {
    static let credentials = Credentials(accessKeyID: "AKIAEXAMPLE", secretAccessKey: "secret")

    /// A client of a scripted server; `change` changes its settings.
    static func client(
        _ server: ScriptedServer, provider: (any CredentialsProvider)? = nil,
        _ change: (inout S3Settings) -> Void = { _ in }, observer: S3Client.Observer? = nil
    ) throws -> S3Client {
        var settings = S3Settings(bucket: "test", region: "eu-west-9")
        settings.endpoint = S3Endpoint(server.origin)
        settings.prefix = "p/"
        settings.pathStyle = true
        settings.limits = HTTPLimits(connect: 2_000, head: 1_000, stall: 1_000)
        change(&settings)
        return S3Client(
            settings: settings, credentials: provider ?? StaticCredentials(credentials),
            http: try TestHTTP.client(), observer: observer)
    }

    /// A client of a real server, under a prefix of its own.
    static func client(_ server: S3Server) throws -> S3Client {
        var settings = S3Settings(bucket: S3Server.bucket, region: S3Server.region)
        settings.endpoint = S3Endpoint(server.endpoint)
        settings.prefix = server.freshPrefix() + "/"
        settings.pathStyle = true
        let credentials = Credentials(
            accessKeyID: S3Server.accessKeyID, secretAccessKey: S3Server.secretAccessKey)
        return S3Client(
            settings: settings, credentials: StaticCredentials(credentials), http: try TestHTTP.client())
    }

    /// `bytes` in buffers of 64 KiB.
    static func pieces(_ bytes: [UInt8]) -> HTTPRequestBody {
        var pieces: [Buffer] = []
        let size = 64 << 10
        for start in stride(from: 0, to: bytes.count, by: size) {
            let piece = Buffer(capacity: size)
            let end = min(start + size, bytes.count)
            bytes[start..<end].withUnsafeBytes {
                UnsafeMutableRawBufferPointer(start: piece.base, count: size).copyMemory(from: $0)
            }
            pieces.append(piece)
        }
        return .pieces(pieces, count: bytes.count)
    }
}

/// Credentials that change when they are refused.
final class RenewedCredentials: CredentialsProvider {
    let name = "a renewed source"
    private let generation = Guarded(1)

    func credentials() async throws -> Credentials {
        Credentials(accessKeyID: "AKIA\(generation.value)", secretAccessKey: "secret", sessionToken: "token")
    }

    func invalidate(_ refused: Credentials) {
        generation.change { $0 += 1 }
    }
}
