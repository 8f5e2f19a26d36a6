import OCI
package import ObjectStorage

/// Keys listed at once by walks over a whole store: a directory with many files is read anew for every page.
package let walkedPage = 20_000

/// A walk over a whole store that counts what is in it; nothing is written.
///
/// Memory: a page of keys, the manifests that are being read, and one entry for each repository; with layers one more
/// for each distinct layer.
package struct StatisticsWalk: Sendable {
    /// How far a walk is.
    package enum Progress: Sendable {
        case objects(Int)
        case tags(Int)
    }

    /// Manifests read at once.
    private static let readers = 16
    /// An index in an index in an index: deeper ones are nobody's images.
    private static let maximumDepth = 4

    private let store: any ObjectStore
    private let page: Int
    private let layerLimit: Int?
    private let repositoryLimit: Int
    private let report: @Sendable (Progress) -> Void

    /// `layers`: how many of the most shared layers to name; nil for none. `repositories`: how many to name. `page`:
    /// keys that are listed at once.
    package init(
        _ store: any ObjectStore, layers: Int? = nil, repositories: Int = 1000, page: Int = walkedPage,
        report: @escaping @Sendable (Progress) -> Void = { _ in }
    ) {
        self.store = store
        self.page = page
        layerLimit = layers
        repositoryLimit = repositories
        self.report = report
    }

    /// Walks the store. Throws `ObjectStoreError` when it fails; a manifest nobody can read is counted and passed over.
    package func run() async throws -> Statistics {
        var statistics = Statistics()
        try await countContent(&statistics)
        try await countTags(&statistics)
        return statistics
    }

    // MARK: Content

    private func countContent(_ statistics: inout Statistics) async throws {
        var seen = 0
        for prefix in [StorageLayout.blobsPrefix, StorageLayout.chunksPrefix] {
            try await store.forEachPage(prefix: prefix, limit: page) { page in
                for object in page { statistics.count(object, isChunk: prefix == StorageLayout.chunksPrefix) }
                seen += page.count
                report(.objects(seen))
            }
        }
    }

    // MARK: Tags

    /// What one tag's manifest refers to; `size` is nil when it cannot be read.
    private struct TagContent: Sendable {
        let name: RepositoryName
        let tag: Tag
        let size: Int?
        let layers: [(digest: Digest, size: Int)]
    }

    private struct Totals {
        var tags = 0
        var bytes = 0

        mutating func add(_ size: Int) {
            tags += 1
            bytes = bytes.addingUpToMaximum(size)
        }
    }

    private func countTags(_ statistics: inout Statistics) async throws {
        var totals: [RepositoryName: Totals] = [:]
        var ledger: LayerLedger? = layerLimit == nil ? nil : try LayerLedger()
        try await store.forEachPage(prefix: StorageLayout.tagsPrefix, limit: page) { page in
            for content in try await contents(of: page) {
                statistics.tags += 1
                if content.size == nil { statistics.unreadableTags += 1 }
                statistics.logicalBytes = statistics.logicalBytes.addingUpToMaximum(content.size ?? 0)
                totals[content.name, default: Totals()].add(content.size ?? 0)
                try ledger?.note(content.layers, user: "\(content.name.string):\(content.tag.string)")
            }
            report(.tags(statistics.tags))
        }
        statistics.repositories = totals.count
        statistics.largestRepositories = largest(totals)
        if let layerLimit { statistics.layers = try ledger?.summary(limit: layerLimit) }
    }

    private func largest(_ totals: [RepositoryName: Totals]) -> [RepositoryUsage] {
        let usages = totals.map { RepositoryUsage(name: $0.key, tags: $0.value.tags, logicalBytes: $0.value.bytes) }
        let sorted = usages.sorted { ($1.logicalBytes, $0.name.string) < ($0.logicalBytes, $1.name.string) }
        return Array(sorted.prefix(repositoryLimit))
    }

    /// What the tags among `page` refer to, some of them read at once.
    private func contents(of page: [ListedObject]) async throws -> [TagContent] {
        let tags = page.compactMap { object in StorageLayout.tag(ofKey: object.key).map { (object.key, $0.0, $0.1) } }
        return try await withThrowingTaskGroup(of: TagContent?.self) { group in
            var contents: [TagContent] = []
            for (index, (key, name, tag)) in tags.enumerated() {
                if index >= Self.readers, let content = try await group.next() ?? nil { contents.append(content) }
                group.addTask { try await content(of: key, name, tag) }
            }
            while let content = try await group.next() { if let content { contents.append(content) } }
            return contents
        }
    }

    /// nil when the tag was removed meanwhile.
    private func content(of key: ObjectKey, _ name: RepositoryName, _ tag: Tag) async throws -> TagContent? {
        var layers: [Digest: Int] = [:]
        do {
            guard let manifest = try await manifest(at: key) else { return nil }
            let size = try await size(of: manifest, depth: 0, &layers)
            return TagContent(name: name, tag: tag, size: size, layers: layers.map { ($0.key, $0.value) })
        } catch is Unreadable {
            return TagContent(name: name, tag: tag, size: nil, layers: [])
        }
    }

    /// A manifest that is missing, too large, or none.
    private struct Unreadable: Error {}

    private func manifest(at key: ObjectKey) async throws -> Manifest? {
        do {
            guard let object = try await store.bytes(of: key, limit: Manifest.maximumSize) else { return nil }
            let type = object.info.metadata.contentType.flatMap { MediaType($0) }
            let digest = Digest(of: object.bytes)
            return try Manifest(
                bytes: object.bytes, contentType: type?.isManifest ?? false ? type : nil, digest: digest)
        } catch is ManifestError {
            throw Unreadable()
        } catch ObjectStoreError.tooLarge {
            throw Unreadable()
        }
    }

    /// Config and layers, of an index those of every distinct child; notes every layer in `layers`.
    private func size(
        of manifest: Manifest, depth: Int, _ layers: inout [Digest: Int]
    ) async throws -> Int {
        guard depth < Self.maximumDepth else { throw Unreadable() }
        var size = manifest.config?.size ?? 0
        for layer in manifest.layers {
            layers[layer.digest] = layer.size
            size = size.addingUpToMaximum(layer.size)
        }
        for digest in Set(manifest.manifests.map(\.digest)) {
            guard let child = try await self.manifest(at: StorageLayout.blob(digest)) else { throw Unreadable() }
            size = size.addingUpToMaximum(try await self.size(of: child, depth: depth + 1, &layers))
        }
        return size
    }
}

extension Statistics {
    /// A chunk, or an object below `blobs/` if it is a blob.
    fileprivate mutating func count(_ object: ListedObject, isChunk: Bool) {
        if isChunk {
            chunks += 1
            chunkBytes += object.size
        } else {
            guard StorageLayout.digest(ofBlobKey: object.key) != nil else { return }
            blobs += 1
            blobBytes += object.size
        }
        bytesByStorageClass[object.storageClass ?? "STANDARD", default: 0] += object.size
    }
}

extension Int {
    /// A sum of sizes, none negative, that clients wrote: a lie must not end the program.
    func addingUpToMaximum(_ other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
