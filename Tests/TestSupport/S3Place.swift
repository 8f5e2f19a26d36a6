import Glibc
package import HTTPClient
import OpenSSL
package import S3

/// A place in the bucket of an S3 server: what a registry stores below it, read and changed behind its back.
package struct S3Place: Sendable {
    /// An object as a listing shows it.
    package struct Object: Sendable {
        /// Without the place's prefix.
        package let key: String
        /// Bytes.
        package let size: Int
    }

    /// The bucket did not do what it was asked for.
    package struct Failed: Error, CustomStringConvertible {
        package let description: String
    }

    private let server: S3Server
    /// Ends in a slash.
    private let prefix: String
    private let bucket: String

    /// A place that nothing else uses, in the bucket all tests share or in one of its own.
    package init(on server: S3Server, bucket: String = S3Server.bucket) {
        (self.server, self.bucket) = (server, bucket)
        prefix = server.freshPrefix() + "/"
    }

    /// What `--storage` takes.
    package var location: String { "s3://\(bucket)/\(prefix.dropLast())" }

    /// The options of a program that works here; `proxy`: what is between it and the server.
    package func options(through proxy: FaultProxy? = nil) -> [String] {
        ["--s3-endpoint", proxy?.endpoint ?? server.endpoint, "--s3-region", S3Server.region]
    }

    /// A client whose keys are below here; `proxy`: what is between it and the server.
    package func client(http: HTTPClient, through proxy: FaultProxy? = nil) -> S3Client {
        var settings = S3Settings(bucket: bucket, region: S3Server.region)
        settings.endpoint = S3Endpoint(proxy?.endpoint ?? server.endpoint)
        settings.pathStyle = true
        settings.prefix = prefix
        return S3Client(settings: settings, credentials: StaticCredentials(Self.credentials), http: http)
    }

    private static let credentials = Credentials(
        accessKeyID: S3Server.accessKeyID, secretAccessKey: S3Server.secretAccessKey)

    // MARK: Objects

    /// Every object whose key begins with `start`, in the order of their keys.
    package func objects(_ start: String = "") throws -> [Object] {
        var objects: [Object] = []
        var isTruncated = true
        while isTruncated {
            let after = objects.last.map { [(name: "start-after", value: prefix + $0.key)] } ?? []
            let query = [(name: "list-type", value: "2"), (name: "prefix", value: prefix + start)] + after
            let text = try expect(200, "GET", "", query).text
            objects += try text.split(separator: "<Contents>").dropFirst().map { entry in
                let key = try Self.element("Key", of: entry)
                let size = Int(try Self.element("Size", of: entry)) ?? -1
                return Object(key: String(key.dropFirst(prefix.count)), size: size)
            }
            isTruncated = text.contains("<IsTruncated>true")
        }
        return objects
    }

    /// The keys of uploads in parts that are neither completed nor aborted.
    package func unfinishedUploads() throws -> [String] {
        let query = [(name: "uploads", value: ""), (name: "prefix", value: prefix)]
        let text = try expect(200, "GET", "", query).text
        return try text.split(separator: "<Upload>").dropFirst().map { entry in
            String(try Self.element("Key", of: entry).dropFirst(prefix.count))
        }
    }

    /// The bytes of an object; nil when there is none.
    package func bytes(_ key: String) throws -> [UInt8]? {
        let answer = try send("GET", key)
        if answer.status == 404 { return nil }
        guard answer.status == 200 else { throw Failed(description: "GET \(key): \(answer.status) \(answer.text)") }
        return answer.body
    }

    /// Stores an object.
    package func put(_ bytes: [UInt8], _ key: String) throws { _ = try expect(200, "PUT", key, [], bytes) }

    /// Removes an object.
    package func delete(_ key: String) throws { _ = try expect(204, "DELETE", key) }

    /// Removes every object, for a test that stores much: the server keeps all of it in memory.
    package func removeAll() throws {
        for object in try objects() { try delete(object.key) }
    }

    /// The text of an element that comes once; the keys of the registry need no entities.
    private static func element(_ name: String, of text: Substring) throws -> Substring {
        let parts = text.split(separator: "<\(name)>", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw Failed(description: "no <\(name)> in \(text)") }
        return parts[1].prefix { $0 != "<" }
    }

    // MARK: Requests

    private func expect(
        _ status: Int, _ method: String, _ key: String, _ query: [(name: String, value: String)] = [],
        _ body: [UInt8] = []
    ) throws -> Reply {
        let answer = try send(method, key, query, body)
        guard answer.status == status else {
            throw Failed(description: "\(method) \(key): \(answer.status) \(answer.text)")
        }
        return answer
    }

    private func send(
        _ method: String, _ key: String, _ query: [(name: String, value: String)] = [], _ body: [UInt8] = []
    ) throws -> Reply {
        let path = URIEncoding.path(key.isEmpty ? bucket : "\(bucket)/\(prefix)\(key)")
        let host = "127.0.0.1:\(server.port)"
        let hash = SHA256.hash(body).map { String(UInt16($0) | 0x100, radix: 16).dropFirst() }.joined()
        let signed = SigV4Signer(region: S3Server.region).signedFields(
            method: method, host: host, path: path, query: query, fields: [], payloadHash: hash,
            credentials: Self.credentials, date: time(nil))
        let target = query.isEmpty ? path : "\(path)?\(URIEncoding.query(query))"
        let fields = [("Host", host), ("Content-Length", "\(body.count)")] + signed.map { ($0.name, $0.value) }
        let head = fields.reduce("\(method) \(target) HTTP/1.1\r\n") { "\($0)\($1.0): \($1.1)\r\n" }
        let connection = try HTTPConnection(port: server.port)
        try connection.send(Array((head + "\r\n").utf8) + body)
        return try connection.reply(to: method).reply
    }
}

extension ServerProcess {
    /// Starts the server on a bucket; see the other initialiser. `proxy`: what is between it and the bucket.
    package convenience init(
        _ place: S3Place, through proxy: FaultProxy? = nil, _ options: [String] = [],
        environment: [String: String] = [:], binary: String = ServerProcess.binary
    ) async throws {
        try await self.init(
            storage: place.location, place.options(through: proxy) + options,
            environment: S3Server.environment.merging(environment) { _, own in own }, binary: binary)
    }
}
