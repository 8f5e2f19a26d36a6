import Foundation
import Testing

/// What a registry's storage has to hold, computed from the manifests it serves.
struct Account {
    /// Bytes of every config and layer, by digest.
    private(set) var blobs: [String: Int] = [:]
    /// Bytes of every manifest that was pushed by its digest.
    private var children: [String: Int] = [:]
    /// Bytes of every manifest, by `REPOSITORY/DIGEST`.
    private var records: [String: Int] = [:]
    /// Bytes of every tag's manifest, by `REPOSITORY/TAG`.
    private var tags: [String: Int] = [:]

    /// Reads all tags of repositories, each of which must have at least the given ones.
    init(of repositories: [String: Set<String>], on server: ServerProcess) throws {
        for (repository, wanted) in repositories {
            let answer = try server.send("GET", "/v2/\(repository)/tags/list")
            let list = try JSONDecoder().decode(TagList.self, from: Data(answer.body)).tags
            #expect(wanted.isSubset(of: list))
            for tag in list { try add(tag, of: repository, server, isTag: true) }
        }
    }

    private mutating func add(
        _ reference: String, of repository: String, _ server: ServerProcess, isTag: Bool
    ) throws {
        let accept = Layout.manifestTypes.map { "Accept: \($0)" }
        let answer = try server.send("GET", "/v2/\(repository)/manifests/\(reference)", headers: accept)
        try #require(answer.status == 200)
        let digest = try #require(answer["Docker-Content-Digest"])
        records["\(repository)/\(digest)"] = answer.body.count
        if isTag {
            tags["\(repository)/\(reference)"] = answer.body.count
        } else {
            children[digest] = answer.body.count
        }
        let manifest = try Manifest(json: answer.body)
        for blob in manifest.config.map({ [$0] }) ?? [] { blobs[blob.digest] = blob.size }
        for blob in manifest.layers ?? [] { blobs[blob.digest] = blob.size }
        for child in manifest.manifests ?? [] { try add(child.digest, of: repository, server, isTag: false) }
    }

    /// Expects exactly that in the storage, each blob once, and nothing else with bytes but the key of the uploads.
    func expectStored(in place: Storage.Place, sourceLocation: SourceLocation = #_sourceLocation) throws {
        var expected: [String: Int] = [:]
        let content = blobs.merging(children) { blob, _ in blob }
        for (digest, size) in content { expected["blobs/" + digest.replacing(":", with: "/")] = size }
        for (name, size) in tags { expected["manifests/\(name)/manifest.json"] = size }
        for (name, size) in records {
            let parts = name.split(separator: "/")
            let digest = parts[parts.count - 1].replacing(":", with: "/")
            expected["registry/\(parts.dropLast().joined(separator: "/"))/_manifests/\(digest)"] = size
        }
        let stored = try place.objects().filter { $0.value > 0 && !$0.key.hasPrefix("registry/_keys/") }
        for (key, size) in stored.sorted(by: { $0.key < $1.key }) where expected[key] != size {
            let known = expected[key].map(String.init) ?? "nothing"
            Issue.record("\(key) has \(size) bytes, expected \(known)", sourceLocation: sourceLocation)
        }
        let missing = Set(expected.keys).subtracting(stored.keys)
        #expect(missing.isEmpty, sourceLocation: sourceLocation)
        #expect(stored.values.reduce(0, +) == expected.values.reduce(0, +), sourceLocation: sourceLocation)
    }
}

private struct TagList: Decodable {
    let tags: [String]
}
