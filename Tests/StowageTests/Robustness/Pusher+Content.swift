import OCI
import TestSupport
import Testing

extension Pusher {
    private static let algorithms: [Digest.Algorithm] = [.sha256, .sha256, .sha256, .sha512]

    /// A blob nobody has pushed yet: mostly small, sometimes of some megabytes.
    private func newBlob() -> Content {
        let size =
            switch Int.random(in: 0..<40, using: &random) {
            case 0: Int.random(in: 1 << 20...4 << 20, using: &random)
            case 1..<24: Int.random(in: 1...4096, using: &random)
            default: Int.random(in: 4096...200_000, using: &random)
            }
        let bytes = sampleBytes(size, seed: Int.random(in: 0..<1 << 48, using: &random))
        return Content(bytes, Self.algorithms.randomElement(using: &random) ?? .sha256)
    }

    private func newRepository() -> String { "app\(Int.random(in: 0..<3, using: &random))/part" }

    /// Pushes a blob in a random form, or a manifest of what is there.
    func pushSomething() throws {
        switch Int.random(in: 0..<10, using: &random) {
        case 0, 1: try pushAtOnce()
        case 2...5: try beginUpload()
        case 6: try mount()
        default: try pushManifest()
        }
    }

    // MARK: Blobs

    private func pushAtOnce() throws {
        let (blob, repository) = (newBlob(), newRepository())
        try push(blob, repository)
    }

    private func push(_ blob: Content, _ repository: String) throws {
        let stored = Ledger.Stored(content: blob, repository: repository)
        ledger.change { $0.triedBlobs.append(stored) }
        _ = try send("POST", "/v2/\(repository)/blobs/uploads/?digest=\(blob.digest)", [], blob.bytes, 201)
        ledger.change { $0.blobs.append(stored) }
    }

    private func mount() throws {
        guard let source = ledger.blob(using: &random) else { return try pushAtOnce() }
        let repository = newRepository()
        let query = "mount=\(source.content.digest)&from=\(source.repository)"
        _ = try send("POST", "/v2/\(repository)/blobs/uploads/?\(query)", [], [], 201)
        ledger.change { $0.blobs.append(Ledger.Stored(content: source.content, repository: repository)) }
    }

    // MARK: Uploads of several requests

    private func beginUpload() throws {
        let (blob, repository) = (newBlob(), newRepository())
        ledger.change { $0.triedBlobs.append(Ledger.Stored(content: blob, repository: repository)) }
        let begun = try send("POST", "/v2/\(repository)/blobs/uploads/", [], [], 202)
        open = OpenUpload(
            repository: repository, content: blob, location: try #require(begun["Location"]), offset: 0)
        try goOn()
    }

    /// Asks where the upload stands if a request got no answer, and brings it to its end.
    func goOn() throws {
        guard var upload = open else { return }
        if upload.perhaps != nil || upload.isClosing { try askWhereItStands(&upload) }
        while upload.offset < upload.content.bytes.count, !upload.isClosing {
            let rest = upload.content.bytes.count - upload.offset
            let count = Bool.random(using: &random) ? rest : Int.random(in: 1...rest, using: &random)
            if count == rest, Bool.random(using: &random) { break }
            try sendPiece(&upload, count)
        }
        try close(&upload)
    }

    private func sendPiece(_ upload: inout OpenUpload, _ count: Int) throws {
        let end = upload.offset + count
        let piece = Array(upload.content.bytes[upload.offset..<end])
        let isStreamed = Bool.random(using: &random)
        let fields = isStreamed ? [] : ["Content-Range: \(upload.offset)-\(end - 1)"]
        upload.perhaps = end
        open = upload
        let response = try send("PATCH", upload.location, fields, piece, isChunked: isStreamed, 202)
        #expect(response["Range"] == "0-\(end - 1)")
        upload.location = try #require(response["Location"])
        upload.offset = end
        upload.perhaps = nil
        open = upload
    }

    private func close(_ upload: inout OpenUpload) throws {
        upload.isClosing = true
        upload.perhaps = upload.content.bytes.count
        open = upload
        let rest = Array(upload.content.bytes[upload.offset...])
        _ = try send("PUT", upload.location.closing(upload.content.digest), [], rest, 201)
        open = nil
        let stored = Ledger.Stored(content: upload.content, repository: upload.repository)
        ledger.change { $0.blobs.append(stored) }
    }

    /// What was acknowledged must be there; the request that got no answer was done as a whole or not at all.
    private func askWhereItStands(_ upload: inout OpenUpload) throws {
        let response = try send("GET", upload.location, [], nil, 204, 404)
        if response.status == 404 {
            // Finished: the closing request may be sent again, and confirms it.
            #expect(upload.isClosing, "an upload is gone that got 202")
            return
        }
        let offset = try #require(response["Range"]?.split(separator: "-").last.flatMap { Int($0) })
        // A session without bytes is said to have 0-0.
        let known = upload.offset == 0 && offset == 0 ? 0 : offset + 1
        #expect(known == upload.offset || known == upload.perhaps, "\(upload.offset) \(known) \(upload.perhaps ?? -1)")
        upload.location = try #require(response["Location"])
        upload.offset = known
        upload.perhaps = nil
        upload.isClosing = false
        open = upload
    }

    // MARK: Manifests

    private func pushManifest() throws {
        let repository = "app\(number)/own"
        var known: [Content] = []
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            if let blob = ledger.blob(using: &random) { known.append(blob.content) }
        }
        guard let config = known.first else { return try pushAtOnce() }
        let own = ledger.snapshot.manifests.filter { $0.repository == repository }.map(\.content)
        let subject = Int.random(in: 0..<4, using: &random) == 0 ? own.randomElement(using: &random) : nil
        let note = "\(random.next())"
        let isIndex = own.count > 3 && Int.random(in: 0..<5, using: &random) == 0
        let manifest =
            isIndex
            ? Content.index(Array(own.shuffled(using: &random).prefix(3)), note: note)
            : Content.manifest(config: config, layers: Array(known.dropFirst()), note: note, subject: subject)
        let type = isIndex ? Content.indexType : Content.manifestType
        try put(manifest, type, repository)
        ledger.change { state in
            if !isIndex { state.manifests.append(Ledger.Stored(content: manifest, repository: repository)) }
            if let subject, !isIndex { state.referrers.append((subject, manifest, repository)) }
        }
    }

    /// Pushes under one or several tags of this client's own, and sometimes under one that all clients fight for.
    private func put(_ manifest: Content, _ type: String, _ repository: String) throws {
        let own = Ledger.TagName(repository: repository, tag: "v\(Int.random(in: 0..<4, using: &random))")
        let other = Ledger.TagName(repository: repository, tag: "other")
        let byDigest = Bool.random(using: &random)
        for tag in byDigest ? [own, other] : [own] { ledger.willSet(tag, to: manifest) }
        let target = byDigest ? "\(manifest.digest)?tag=\(own.tag)&tag=other" : own.tag
        let fields = ["Content-Type: \(type)"]
        let response = try send("PUT", "/v2/\(repository)/manifests/\(target)", fields, manifest.bytes, 201)
        #expect(response["Docker-Content-Digest"] == manifest.digest.string)
        for tag in byDigest ? [own, other] : [own] { ledger.didSet(tag, to: manifest) }
    }
}
