import Testing

extension EndToEnd {
    /// docker 29 with the containerd image store: never pings, keeps its connection, asks for encodings.
    @Suite struct Docker29Tests {
        private let images = Layout.current
        private let encodings = "Accept-Encoding: zstd;q=1.0, gzip;q=0.8, deflate;q=0.5"
        private let manifestTypes =
            "Accept: application/vnd.docker.distribution.manifest.v2+json, "
            + "application/vnd.docker.distribution.manifest.list.v2+json, "
            + "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, */*"

        @Test(arguments: ["app-1.1", "app-zstd", "app-tar", "app-docker"], Storage.tested)
        func pushesAndPulls(tag: String, storage: Storage) throws {
            try withRegistry(on: storage) { server, _ in
                let docker = client(of: server)
                let top = try images.manifest(tag)
                try docker.expectPlainAnswerToTLS()
                for blob in try images.blobs(of: tag) {
                    #expect(try blobStatus(blob, in: "team/app", docker) == 404)
                    try docker.putWhole(blob, of: images, to: "team/app")
                }
                #expect(try docker.digestBeforePush(of: tag, top, in: "team/app") == nil)
                try docker.putManifest(top, of: images, to: "team/app", as: tag)

                // A second push finds all there and sends nothing.
                for blob in try images.blobs(of: tag) { #expect(try blobStatus(blob, in: "team/app", docker) == 200) }
                #expect(try docker.digestBeforePush(of: tag, top, in: "team/app") == top.digest)
                try pull(tag, from: "team/app", docker)
            }
        }

        @Test(arguments: Storage.tested)
        func mountsWithAnUnescapedQuery(storage: Storage) throws {
            try withRegistry(on: storage) { server, _ in
                let docker = client(of: server)
                try images.push("app-1.1", to: server, repository: "team/app")
                for blob in try images.blobs(of: "app-1.1") {
                    let target = "/v2/other/place/blobs/uploads/?mount=\(blob.digest)&from=team/app"
                    let answer = try docker.send("POST", target, body: .bytes([]))
                    #expect(answer.status == 201)
                    #expect(answer["Docker-Content-Digest"] == blob.digest)
                }
                try docker.putManifest(
                    images.manifest("app-1.1"), of: images, to: "other/place", as: "app-1.1")
                try pull("app-1.1", from: "other/place", docker)
            }
        }

        @Test(arguments: Storage.tested)
        func uploadsWhatCannotBeMounted(storage: Storage) throws {
            try withRegistry(on: storage) { server, _ in
                let docker = client(of: server)
                let blob = try #require(try images.blobs(of: "app-1.1").first)
                let target = "/v2/other/place/blobs/uploads/?mount=\(blob.digest)&from=team/app"
                let session = try docker.send("POST", target, body: .bytes([]))
                try #require(session.status == 202)
                let answer = try docker.send(
                    "PUT", session.uploadTarget(digest: blob.digest), ["Content-Type: application/octet-stream"],
                    body: .bytes(images.bytes(blob)))
                #expect(answer.status == 201)
                try docker.expectBlob(blob, of: images, in: "other/place", [encodings])
            }
        }

        @Test(arguments: Storage.tested)
        func resumesADownload(storage: Storage) throws {
            try withRegistry(on: storage) { server, _ in
                let docker = client(of: server)
                try images.push("app-1.1", to: server, repository: "team/app")
                let blob = try #require(try images.blobs(of: "app-1.1").first { $0.size > 3_000_000 })
                let fields = ["Accept: \(blob.mediaType), */*", encodings, "Range: bytes=3000000-"]
                let answer = try docker.send("GET", "/v2/team/app/blobs/\(blob.digest)", fields)
                #expect(answer.status == 206)
                #expect(answer["Content-Range"] == "bytes 3000000-\(blob.size - 1)/\(blob.size)")
                #expect(try answer.body == Array(images.bytes(blob)[3_000_000...]))
            }
        }

        private func pull(_ tag: String, from repository: String, _ docker: ReplayedClient) throws {
            let top = try images.manifest(tag)
            let head = try docker.send("HEAD", "/v2/\(repository)/manifests/\(tag)", [manifestTypes])
            #expect(head.status == 200)
            #expect(head["Content-Type"] == top.mediaType)
            #expect(head["Content-Length"] == String(top.size))
            #expect(head["Docker-Content-Digest"] == top.digest)
            let fields = [manifestTypes, encodings]
            try docker.expectManifest(top, of: images, in: repository, as: top.digest, fields)
            for blob in try images.blobs(of: tag) {
                let fields = ["Accept: \(blob.mediaType), */*", encodings]
                try docker.expectBlob(blob, of: images, in: repository, fields)
            }
        }

        private func blobStatus(_ blob: Descriptor, in repository: String, _ docker: ReplayedClient) throws -> Int {
            let fields = ["Accept: \(blob.mediaType), */*"]
            return try docker.send("HEAD", "/v2/\(repository)/blobs/\(blob.digest)", fields).status
        }

        private func client(of server: ServerProcess) -> ReplayedClient {
            let agent =
                "docker/29.0.1 go/go1.25.4 git-commit/198b5e3 kernel/6.12.48-1-cloud-amd64-with-a-rather-long-name "
                + "os/linux arch/amd64 containerd-client/2.1.5+unknown storage-driver/overlayfs "
                + "UpstreamClient(Docker-Client/29.0.1 \\(linux\\); buildx/0.30.0; compose/2.40.3; model/1.0.0)"
            return ReplayedClient(server: server, userAgent: agent, fields: ["Baggage: trigger=api"])
        }
    }
}
