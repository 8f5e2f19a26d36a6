import OCI
import TestSupport
import Testing

@Suite("Conformance 5: If-None-Match, If-Range; X-Forwarded-* and Host")
struct ConditionalRequestTests {
    @Test(
        "If-None-Match: 304 for what the client has, on manifests and blobs, for GET and HEAD",
        arguments: StoreKind.allCases)
    func noneMatch(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let image = try await server.client.pushImage(1, to: "r", tag: "latest")
            let blob = Content.emptyJSON
            let resources = [
                ("/v2/r/manifests/latest", image), ("/v2/r/manifests/\(image.digest)", image),
                ("/v2/r/blobs/\(blob.digest)", blob),
            ]
            for (target, content) in resources {
                let etag = try #require(try await server.client.get(target)["ETag"])
                #expect(etag == "\"\(content.digest)\"")
                for method in ["GET", "HEAD"] {
                    for field in [etag, "W/\(etag)", "*", "\"x\", \(etag)", "\"x\",W/\(etag) , \"y\""] {
                        let reply = try await server.client.send(method, target, [("If-None-Match", field)])
                        #expect(reply.status == 304)
                        #expect(reply.body.isEmpty && reply["ETag"] == etag)
                    }
                    for field in ["\"x\"", content.digest.string, "\"\(content.digest)x\"", ""] {
                        let reply = try await server.client.send(method, target, [("If-None-Match", field)])
                        #expect(reply.status == 200)
                    }
                }
            }
        }
    }

    @Test("If-None-Match on what is not there is 404", arguments: ["manifests/latest", "blobs/\(Content([1]).digest)"])
    func missing(path: String) async throws {
        try await withServer(on: .memory) { server in
            for method in ["GET", "HEAD"] {
                let reply = try await server.client.send(method, "/v2/r/\(path)", [("If-None-Match", "*")])
                #expect(reply.status == 404)
            }
        }
    }

    @Test("If-Range: the part if the blob is the same, else all of it", arguments: StoreKind.allCases)
    func ifRange(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let blob = Content(sampleBytes(1000))
            try await server.client.push(blob, to: "r")
            let target = "/v2/r/blobs/\(blob.digest)"
            let cases = [
                ("\"\(blob.digest)\"", 206), ("W/\"\(blob.digest)\"", 200), ("\"other\"", 200),
                ("Wed, 21 Oct 2015 07:28:00 GMT", 200),
            ]
            for (field, status) in cases {
                let reply = try await server.client.get(target, [("Range", "bytes=100-199"), ("If-Range", field)])
                #expect(reply.status == status)
                #expect(reply.body == (status == 206 ? Array(blob.bytes[100..<200]) : blob.bytes))
            }
        }
    }

    @Test("every Location is relative, whatever proxies or attackers say the host is")
    func location() async throws {
        let fields = [
            ("Host", "evil.example.com"), ("X-Forwarded-Host", "evil.example.com"), ("X-Forwarded-Proto", "https"),
            ("Forwarded", "host=evil.example.com;proto=https"), ("X-Forwarded-Prefix", "/evil"),
            ("X-Original-URL", "/evil"), ("Origin", "https://evil.example.com"),
        ]
        try await withServer(on: .memory) { server in
            let client = server.client
            let blob = Content.emptyJSON
            let uploads = "/v2/r/blobs/uploads/"
            let start = try await client.send("POST", uploads, fields, .counted([]))
            let location = try #require(start["Location"])
            let replies = [
                start, try await client.get(location, fields),
                try await client.send("PATCH", location, fields, .counted(blob.bytes)),
                try await client.send("POST", "\(uploads)?digest=\(blob.digest)", fields, .counted(blob.bytes)),
                try await client.send("POST", "/v2/q/blobs/uploads/?mount=\(blob.digest)&from=r", fields, .counted([])),
                try await client.send("PUT", "/v2/r/manifests/v1", fields, .counted(Content.image(1).bytes)),
                try await client.send("PUT", "/v2/r/manifests/v2", fields, .counted(Content.image(1).bytes)),
            ]
            for reply in replies {
                #expect((200..<300).contains(reply.status))
                let location = try #require(reply["Location"])
                #expect(location.hasPrefix("/v2/") && !location.contains("evil"))
            }
            // Nor may pages of other hosts read what their visitors may.
            let preflight = try await client.send(
                "OPTIONS", "/v2/r/manifests/v1", fields + [("Access-Control-Request-Method", "PUT")])
            #expect(preflight.status == 405)
            let read = try await client.get("/v2/r/manifests/v1", fields)
            for field in (replies + [preflight, read]).flatMap(\.fields) {
                #expect(!field.name.lowercased().hasPrefix("access-control-"))
            }
            let list = try await client.get("/v2/r/tags/list?n=1", fields)
            #expect(list.next == "/v2/r/tags/list?n=1&last=v1")
        }
    }
}
