import OCI
import ObjectStorage

/// Whether what one manifest refers to is there, and as long as it says.
struct ManifestCheck: Sendable {
    /// An index in an index in an index: deeper ones are nobody's images.
    private static let maximumDepth = 4

    let store: any ObjectStore
    let content: BucketCheck.Content
    let done: CheckedDigests

    /// What is wrong with an object; nothing when it was removed meanwhile.
    func problems(_ task: BucketCheck.Task) async throws -> [BucketProblem] {
        switch task {
        case .tag(let key, let name, let tag):
            return try await manifest(key, as: nil, name, subject: "\(name.string):\(tag.string)")
        case .manifest(let key, let name, let digest):
            return try await manifest(key, as: digest, name, subject: "\(name.string)@\(digest.string)")
        case .referrer(let key, let referrer, let name):
            let record = StorageLayout.manifest(referrer, in: name)
            guard try await store.head(record) == nil, try await store.head(key) != nil else { return [] }
            return [BucketProblem(kind: .missingReferrer, text: "\(key): there is no \(record)")]
        }
    }

    // MARK: Manifests

    /// `expected` is the digest in the key; `subject` what a person calls the manifest.
    private func manifest(
        _ key: ObjectKey, as expected: Digest?, _ name: RepositoryName, subject: String
    ) async throws -> [BucketProblem] {
        let object: SmallObject?
        do {
            object = try await store.bytes(of: key, limit: Manifest.maximumSize)
        } catch ObjectStoreError.tooLarge(_, let size) {
            return [
                BucketProblem(kind: .unreadableManifest, text: "\(key): \(size) bytes are more than a manifest has")
            ]
        }
        guard let object else { return [] }
        let digest = Digest(of: object.bytes, algorithm: expected?.algorithm ?? .sha256)
        if let expected, expected != digest {
            return [BucketProblem(kind: .wrongDigest, text: "\(key): its bytes have the digest \(digest.string)")]
        }
        guard done.insert(digest) else { return [] }
        return try await problems(of: object, digest, key, Place(name: name, subject: subject, depth: 0))
    }

    /// Where a manifest is looked at.
    private struct Place {
        let name: RepositoryName
        let subject: String
        let depth: Int

        var below: Place { Place(name: name, subject: subject, depth: depth + 1) }
    }

    private func problems(
        of object: SmallObject, _ digest: Digest, _ key: ObjectKey, _ place: Place
    ) async throws -> [BucketProblem] {
        let type = object.info.metadata.contentType.flatMap { MediaType($0) }
        let manifest: Manifest
        do throws(ManifestError) {
            manifest = try Manifest(
                bytes: object.bytes, contentType: type?.isManifest ?? false ? type : nil, digest: digest)
        } catch {
            return [BucketProblem(kind: .unreadableManifest, text: "\(key): \(error)")]
        }
        var problems: [BucketProblem] = []
        var seen: Set<Digest> = []
        for descriptor in manifest.references where seen.insert(descriptor.digest).inserted {
            problems +=
                manifest.kind == .index
                ? try await child(descriptor, place) : try await blob(descriptor, place)
        }
        return problems
    }

    /// A manifest of an index, which s3lo keeps among the blobs and Stowage in the repository as well.
    private func child(_ descriptor: Descriptor, _ place: Place) async throws -> [BucketProblem] {
        let digest = descriptor.digest
        for key in [StorageLayout.blob(digest), StorageLayout.manifest(digest, in: place.name)] {
            guard let info = try await store.head(key) else { continue }
            if info.size != descriptor.size { return [wrongSize(key, info.size, descriptor, place)] }
            guard place.depth < Self.maximumDepth, info.size <= Manifest.maximumSize, done.insert(digest),
                let object = try await store.bytes(of: key, limit: Manifest.maximumSize)
            else { return [] }
            guard Digest(of: object.bytes, algorithm: digest.algorithm) == digest else {
                return [BucketProblem(kind: .wrongDigest, text: "\(key): its bytes have another digest")]
            }
            return try await problems(of: object, digest, key, place.below)
        }
        return try await blob(descriptor, place)
    }

    // MARK: Blobs

    private func blob(_ descriptor: Descriptor, _ place: Place) async throws -> [BucketProblem] {
        if content.blobs[descriptor.digest] == descriptor.size { return [] }
        let key = StorageLayout.blob(descriptor.digest)
        if let info = try await store.head(key) {
            return info.size == descriptor.size ? [] : [wrongSize(key, info.size, descriptor, place)]
        }
        if let problems = try await recipe(descriptor, place) { return problems }
        let isElsewhere = MediaType(descriptor.mediaType)?.isNonDistributable ?? false
        if isElsewhere || !(descriptor.urls ?? []).isEmpty { return [] }
        return [BucketProblem(kind: .missing, text: "\(place.subject) refers to \(descriptor.digest.string)")]
    }

    // MARK: Layers in chunks

    /// nil when the layer has no recipe.
    private func recipe(_ descriptor: Descriptor, _ place: Place) async throws -> [BucketProblem]? {
        guard let key = StorageLayout.recipe(descriptor.digest),
            let object = try await store.bytes(of: key, limit: S3loLayer.recipeLimit)
        else { return nil }
        guard done.insert(descriptor.digest) else { return [] }
        do {
            let layer = try S3loLayer(recipe: object.bytes, of: descriptor.digest)
            if layer.size != descriptor.size { return [wrongSize(key, layer.size, descriptor, place)] }
            let sizes = try layer.storedSizes()
            return try await missingChunks(sizes, key, place)
        } catch let error as S3loRecipeError {
            return [BucketProblem(kind: .brokenRecipe, text: "\(key), of \(place.subject): \(error)")]
        }
    }

    private func missingChunks(
        _ sizes: [String: Int], _ recipe: ObjectKey, _ place: Place
    ) async throws -> [BucketProblem] {
        for (hex, size) in sizes.sorted(by: { $0.key < $1.key }) {
            // S3loLayer has checked that it is a hash.
            if let digest = try? Digest("sha256:\(hex)"), content.chunks[digest] == size { continue }
            let key = StorageLayout.chunk(hex)
            let found = try await store.head(key)?.size
            guard found != size else { continue }
            let problem = found.map { "has \($0) bytes instead of \(size)" } ?? "is missing"
            let text = "\(recipe), of \(place.subject): \(key) \(problem)"
            return [BucketProblem(kind: .brokenRecipe, text: text)]
        }
        return []
    }

    private func wrongSize(
        _ key: ObjectKey, _ size: Int, _ descriptor: Descriptor, _ place: Place
    ) -> BucketProblem {
        let text = "\(key) has \(size) bytes, and \(descriptor.size) in \(place.subject)"
        return BucketProblem(kind: .wrongSize, text: text)
    }
}
