import Testing

extension Layout {
    /// Pushes everything a tag refers to with the plainest requests: POST and PUT per blob, PUT per manifest.
    ///
    /// For what skopeo cannot read from a layout: docker's media types and nested indexes. `name`: the tag it gets, if
    /// another one.
    func push(_ tag: String, to server: ServerProcess, repository: String, as name: String? = nil) throws {
        for blob in try blobs(of: tag) {
            let session = try server.send(
                "POST", "/v2/\(repository)/blobs/uploads/", headers: ["Content-Length: 0"])
            try #require(session.status == 202)
            let target = try session.uploadTarget(digest: blob.digest)
            let answer = try server.send("PUT", target, body: .bytes(bytes(blob)))
            try #require(answer.status == 201, "\(blob.mediaType) \(blob.digest)")
        }
        let top = try manifest(tag)
        for manifest in try manifests(of: tag) {
            let reference = manifest.digest == top.digest ? name ?? tag : manifest.digest
            let answer = try server.send(
                "PUT", "/v2/\(repository)/manifests/\(reference)", headers: ["Content-Type: \(manifest.mediaType)"],
                body: .bytes(bytes(manifest)))
            try #require(answer.status == 201, "\(reference): \(String(decoding: answer.body, as: UTF8.self))")
        }
    }
}

extension HTTPConnection.Response {
    /// The target of the next request of an upload, exactly as the server gave it; it must be a path on this server.
    func uploadTarget() throws -> String {
        let location = try #require(self["Location"])
        try #require(location.hasPrefix("/v2/"), "the Location is not relative: \(location)")
        return location
    }

    /// The target of the request that closes an upload: all clients keep the query and add an escaped digest.
    func uploadTarget(digest: String) throws -> String {
        let target = try uploadTarget()
        return target + (target.contains("?") ? "&" : "?") + "digest=" + digest.replacing(":", with: "%3A")
    }
}
