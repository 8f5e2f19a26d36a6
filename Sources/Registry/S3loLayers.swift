import EventLoop
import OCI
import ObjectStorage

/// The chunked layers of the bucket: what s3lo stored in pieces, read as the blobs its manifests name.
struct S3loLayers: Sendable {
    /// A layer whose recipe was read and whose chunks were all there.
    struct Found: Sendable {
        let layer: S3loLayer
        /// The size is the layer's, everything else the recipe's.
        let info: ObjectInfo
        /// Seconds since 1970.
        let checked: Int
    }

    /// Seconds for which a layer's chunks are not looked at again: a client that reads by ranges asks often.
    private static let trust = 60
    private static let parallelHeads = 16

    let registry: Repositories
    private var store: any ObjectStore { registry.store }

    /// What is known of a layer; nil without a recipe.
    ///
    /// Throws `ObjectStoreError.unavailable` for a recipe that cannot be followed or a chunk that is missing: nobody may
    /// take a damaged layer for one that is there, or for one that never was.
    func find(_ digest: Digest) async throws -> Found? {
        guard let key = StorageLayout.recipe(digest) else { return nil }
        let now = registry.now()
        if let found = registry.s3lo.layers[digest], now - found.checked < Self.trust { return found }
        guard let object = try await store.bytes(of: key, limit: S3loLayer.recipeLimit) else { return nil }
        let layer: S3loLayer
        do {
            layer = try await read(object.bytes, digest)
            try await checkChunks(of: layer)
        } catch let error as S3loRecipeError {
            throw ObjectStoreError.unavailable("\(key), the recipe of a chunked layer, cannot be followed: \(error)")
        }
        let metadata = ObjectMetadata(contentType: MediaType.octetStream.string)
        let info = ObjectInfo(
            size: layer.size, etag: object.info.etag, modified: object.info.modified, metadata: metadata)
        let found = Found(layer: layer, info: info, checked: now)
        registry.s3lo.layers.insert(found, for: digest, weight: layer.pieces.count)
        return found
    }

    /// A layer's bytes, or those in `range`; nil without a recipe. Throws as `find` does, before the first byte.
    func open(_ digest: Digest, range: Range<Int>?) async throws -> StoredObject? {
        guard let found = try await find(digest) else { return nil }
        let range = range ?? 0..<found.info.size
        guard range.lowerBound >= 0, range.upperBound <= found.info.size else {
            throw ObjectStoreError.unavailable("\(digest): bytes \(range) of \(found.info.size) were asked for")
        }
        let stream = S3loLayerStream(layer: found.layer, range: range, registry: registry)
        return StoredObject(info: found.info, body: .stream(stream))
    }

    /// A long recipe is read off the event loop.
    private func read(_ recipe: [UInt8], _ digest: Digest) async throws -> S3loLayer {
        guard recipe.count > 64 << 10 else { return try S3loLayer(recipe: recipe, of: digest) }
        return try await registry.parsing.run { try S3loLayer(recipe: recipe, of: digest) }
    }

    private func checkChunks(of layer: S3loLayer) async throws {
        let store = store
        try await layer.storedSizes().forEachAtOnce(Self.parallelHeads) { hex, size in
            let key = StorageLayout.chunk(hex)
            guard let info = try await store.head(key) else { throw S3loRecipeError("\(key) is missing") }
            guard info.size == size else {
                throw S3loRecipeError("\(key) has \(info.size) bytes instead of \(size)")
            }
        }
    }
}
