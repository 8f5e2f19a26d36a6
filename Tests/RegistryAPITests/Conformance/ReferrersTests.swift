import OCI
import Registry
import TestSupport
import Testing

@Suite("Conformance 3.5: referrers (each data set of 3.4 with subjects is checked there)")
struct ReferrersTests {
    private let target = "/v2/repo1/referrers/"

    @Test("a manifest pushed by tag only is listed", arguments: StoreKind.allCases)
    func taggedOnly(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let subject = try await server.client.pushImage(1, to: "repo1", tag: "subject")
            let referrer = Content.image(2, subject: subject)
            let reply = try await server.client.put(referrer, to: "repo1", as: "referrer")
            #expect(reply.status == 201)
            #expect(reply["OCI-Subject"] == subject.digest.string)
            let listed = try await list(subject, server.client)
            #expect(listed.map(\.digest) == [referrer.digest])
            #expect(listed.map(\.artifactType) == [MediaType.emptyJSON.string])
            #expect(listed.map(\.annotations) == [["seed": "2"]])
        }
    }

    @Test("only those of the repository that is asked", arguments: StoreKind.allCases)
    func otherRepositories(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let client = server.client
            let subject = try await client.pushImage(1, to: "repo1")
            for name in ["repo2", "repo1/nested", "repo"] {
                try await client.pushImage(2, to: name, subject: subject)
            }
            #expect(try await list(subject, client).isEmpty)
            let other = try await client.get("/v2/repo1/nested/referrers/\(subject.digest)").json(IndexBody.self)
            #expect(other.manifests.count == 1)
        }
    }

    @Test("docker manifests and artifact manifests refer as well", arguments: StoreKind.allCases)
    func otherTypes(kind: StoreKind) async throws {
        try await withServer(on: kind) { server in
            let client = server.client
            let subject = try await client.pushImage(1, to: "repo1")
            let reference = subject.descriptor(MediaType.ociManifest.string)
            let empty = Content.emptyJSON.descriptor(MediaType.dockerManifest.string)
            let docker: JSON = [
                "schemaVersion": 2, "mediaType": .string(MediaType.dockerManifest.string), "config": empty,
                "layers": [], "subject": reference,
            ]
            let artifact: JSON = [
                "mediaType": .string(MediaType.ociArtifactManifest.string),
                "artifactType": "application/vnd.example.sbom", "blobs": [empty], "subject": reference,
            ]
            for (manifest, type) in [(docker, MediaType.dockerManifest), (artifact, .ociArtifactManifest)] {
                let reply = try await client.put(Content(manifest.bytes), to: "repo1", type: type.string)
                #expect(reply.status == 201)
                #expect(reply["OCI-Subject"] == subject.digest.string)
            }
            let listed = try await list(subject, client)
            #expect(
                Set(listed.map(\.mediaType)) == [
                    MediaType.dockerManifest.string, MediaType.ociArtifactManifest.string,
                ])
            let filtered = try await list(subject, client, "?artifactType=application/vnd.example.sbom")
            #expect(filtered.map(\.mediaType) == [MediaType.ociArtifactManifest.string])
        }
    }

    @Test("an empty filter is none", arguments: ["?artifactType=", "?artifactType", "?ns=docker.io", "?"])
    func emptyFilter(query: String) async throws {
        try await withServer(on: .memory) { server in
            let subject = try await server.client.pushImage(1, to: "repo1")
            try await server.client.pushImage(2, to: "repo1", subject: subject)
            let reply = try await server.client.get("\(target)\(subject.digest)\(query)")
            #expect(try reply.json(IndexBody.self).manifests.count == 1)
            #expect(reply.values("OCI-Filters-Applied").isEmpty)
        }
    }

    @Test(
        "a malformed digest is 400",
        arguments: ["sha256:abc", "latest", "sha256:", "md5:d41d8cd98f00b204e9800998ecf8427e", "x%00", "sha256%3Aabc"])
    func malformed(digest: String) async throws {
        try await withServer(on: .memory) { server in
            let reply = try await server.client.get("\(target)\(digest)")
            #expect(reply.status == 400)
            #expect(reply.codes == ["DIGEST_INVALID"])
        }
    }

    private func list(_ subject: Content, _ client: RegistryClient, _ query: String = "") async throws -> [Descriptor] {
        try await client.get("\(target)\(subject.digest)\(query)").json(IndexBody.self).manifests
    }
}
