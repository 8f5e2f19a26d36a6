import OCI
import TestSupport
import Testing

/// Does to a data set, in `repo1`, what the official suite does, and requires what it requires (conformance 3.4, 3.5).
struct DataSetRun {
    private static let name = "repo1"

    private let dataSet: DataSet
    private let client: RegistryClient

    init(_ dataSet: DataSet, _ client: RegistryClient) {
        self.dataSet = dataSet
        self.client = client
    }

    func all() async throws {
        try await push()
        try await listTags()
        try await pull()
        try await listReferrers()
        try await deleteAll()
    }

    // MARK: Push

    private func push() async throws {
        for blob in dataSet.blobs { try await client.push(blob, to: Self.name) }
        for member in dataSet.manifests {
            let byQuery = dataSet.tagsByQuery ? member.tags : []
            let query = byQuery.isEmpty ? "" : "?" + byQuery.map { "tag=\($0)" }.joined(separator: "&")
            let reply = try await client.put(member.content, to: Self.name, query: query, type: member.mediaType)
            try await expectCreated(reply, member)
            #expect(reply.values("OCI-Tag") == byQuery)
        }
        guard !dataSet.tagsByQuery else { return }
        for member in dataSet.manifests {
            for tag in member.tags {
                let reply = try await client.put(member.content, to: Self.name, as: tag, type: member.mediaType)
                try await expectCreated(reply, member)
                #expect(reply.values("OCI-Tag").isEmpty)
            }
        }
    }

    private func expectCreated(_ reply: Reply, _ member: DataSet.Member) async throws {
        try #require(reply.status == 201)
        #expect(reply["Docker-Content-Digest"] == member.content.digest.string)
        #expect(reply.values("OCI-Subject") == member.subject.map { [$0.string] } ?? [])
        try await expectPulled(try #require(reply["Location"]), member)
    }

    // MARK: Read

    private var tags: [String] { dataSet.manifests.flatMap(\.tags).sorted() }

    private func listTags() async throws {
        let target = "/v2/\(Self.name)/tags/list"
        let listed = try await client.get(target)
        #expect(listed.status == 200)
        let body = try listed.json(TagsBody.self)
        #expect(body.name == Self.name)
        #expect(body.tags == tags)
        guard tags.count >= 2 else { return }
        let middle = tags[tags.count / 2]
        let rest = try await client.get("\(target)?last=\(middle)").json(TagsBody.self).tags
        #expect(rest == tags.filter { $0 > middle })
    }

    private func pull() async throws {
        for member in dataSet.manifests {
            for reference in member.tags + [member.content.digest.string] {
                try await expectPulled("/v2/\(Self.name)/manifests/\(reference)", member)
            }
        }
        for blob in dataSet.blobs { #expect(try await client.has(blob, in: Self.name)) }
    }

    private func expectPulled(_ target: String, _ member: DataSet.Member) async throws {
        let accept = [("Accept", MediaType.ociIndex.string), ("Accept", MediaType.ociManifest.string)]
        for method in ["HEAD", "GET"] {
            let reply = try await client.send(method, target, accept)
            #expect(reply.status == 200)
            #expect(reply.values("Content-Type") == [member.mediaType])
            #expect(reply["Content-Length"] == "\(member.content.bytes.count)")
            #expect(reply["Docker-Content-Digest"] == member.content.digest.string)
            #expect(reply.body == (method == "GET" ? member.content.bytes : []))
        }
    }

    // MARK: Referrers

    private func listReferrers() async throws {
        for subject in dataSet.subjects {
            let expected = dataSet.manifests.filter { $0.subject == subject }
            try await expectListed(subject, "", expected)
            for type in Set(expected.compactMap(\.artifactType)) + ["application/vnd.example.none"] {
                let escaped = type.replacing("/", with: "%2F").replacing("+", with: "%2B")
                try await expectListed(
                    subject, "?artifactType=\(escaped)", expected.filter { $0.artifactType == type }, isFiltered: true)
            }
        }
    }

    private func expectListed(
        _ subject: Digest, _ query: String, _ expected: [DataSet.Member], isFiltered: Bool = false
    ) async throws {
        let reply = try await client.get("/v2/\(Self.name)/referrers/\(subject)\(query)")
        #expect(reply.status == 200)
        #expect(reply.values("Content-Type") == [MediaType.ociIndex.string])
        #expect(reply.values("OCI-Filters-Applied") == (isFiltered ? ["artifactType"] : []))
        let index = try reply.json(IndexBody.self)
        #expect(index.schemaVersion == 2 && index.mediaType == MediaType.ociIndex.string)
        let descriptors = expected.map { member in
            Descriptor(
                mediaType: member.mediaType, digest: member.content.digest, size: member.content.bytes.count,
                annotations: member.annotations, artifactType: member.artifactType)
        }
        #expect(index.manifests == descriptors.sorted { $0.digest < $1.digest })
    }

    // MARK: Delete

    private func deleteAll() async throws {
        for tag in tags { try await delete("manifests/\(tag)") }
        for member in dataSet.manifests.reversed() { try await delete("manifests/\(member.content.digest)") }
        for blob in dataSet.blobs { try await delete("blobs/\(blob.digest)") }
        for subject in dataSet.subjects { try await expectListed(subject, "", []) }
        #expect(try await client.get("/v2/\(Self.name)/tags/list").json(TagsBody.self).tags.isEmpty)
    }

    private func delete(_ path: String) async throws {
        let target = "/v2/\(Self.name)/\(path)"
        let reply = try await client.delete(target)
        #expect(reply.status == 202)
        #expect(try await client.head(target).status == 404)
        #expect(try await client.get(target).status == 404)
    }
}
