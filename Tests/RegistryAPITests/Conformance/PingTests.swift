import OCI
import Registry
import TestSupport
import Testing

@Suite("Conformance 3.1: ping")
struct PingTests {
    @Test("GET and HEAD /v2/ say that this is a registry", arguments: ["/v2/", "/v2"])
    func ping(target: String) async throws {
        try await withServer(on: .memory) { server in
            let reply = try await server.client.get(target)
            #expect(reply.status == 200)
            #expect(reply.text == "{}")
            #expect(reply["Content-Type"] == "application/json")
            #expect(reply["Docker-Distribution-Api-Version"] == "registry/2.0")
            let head = try await server.client.head(target)
            #expect(head.status == 200 && head["Content-Length"] == "2")
        }
    }
}

@Suite("Conformance 3.2: a repository never pushed to")
struct EmptyRepositoryTests {
    @Test("tags/list is 404 with the spec's code", arguments: StoreKind.allCases)
    func tags(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let reply = try await server.client.get("/v2/never/pushed/tags/list")
            #expect(reply.status == 404)
            #expect(reply.codes == ["NAME_UNKNOWN"])
        }
    }

    @Test("referrers of a random digest are an empty index, not 404", arguments: StoreKind.allCases)
    func referrers(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            for algorithm in Digest.Algorithm.allCases {
                let digest = Digest(of: sampleBytes(32), algorithm: algorithm)
                let reply = try await server.client.get("/v2/never/pushed/referrers/\(digest)")
                #expect(reply.status == 200)
                #expect(reply.values("Content-Type") == ["application/vnd.oci.image.index.v1+json"])
                let index = try reply.json(IndexBody.self)
                #expect(index.schemaVersion == 2)
                #expect(index.mediaType == "application/vnd.oci.image.index.v1+json")
                #expect(index.manifests.isEmpty && reply.text.contains(#""manifests":[]"#))
                #expect(reply.values("Link").isEmpty && reply.values("OCI-Filters-Applied").isEmpty)
            }
        }
    }

    @Test("an unknown repository has no manifests and blobs", arguments: StoreKind.allCases)
    func content(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let digest = Digest(of: sampleBytes(32))
            for path in ["manifests/latest", "manifests/\(digest)", "blobs/\(digest)"] {
                for method in ["GET", "HEAD"] {
                    let reply = try await server.client.send(method, "/v2/never/pushed/\(path)")
                    #expect(reply.status == 404)
                }
            }
        }
    }
}
