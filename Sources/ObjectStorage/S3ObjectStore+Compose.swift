import Glibc
import OpenSSL
import S3

extension S3ObjectStore {
    /// One source is copied inside the bucket; several become a multipart upload of copied ranges, where those are long
    /// enough, or one PUT if all of them fit into a part. The sources go afterwards, so others may still see them.
    @discardableResult
    package func compose(
        _ sources: [ObjectKey], keeping: [ObjectKey], at key: ObjectKey, metadata: ObjectMetadata,
        condition: PutCondition
    ) async throws -> ObjectInfo {
        precondition(!sources.isEmpty, "an object is composed of at least one source")
        try check(key, metadata)
        let found = try await look(at: sources)
        let size = found.reduce(0) { $0 + $1.info.size }
        let info: ObjectInfo
        if size <= options.partSize && (sources.count > 1 || condition == .absent) {
            info = try await gather(found, size: size, at: key, metadata, condition)
        } else if found.count == 1 {
            info = try await copy(found[0].key, found[0].info, to: key, metadata: metadata, condition: condition)
        } else {
            info = try await join(found, size: size, at: key, metadata, condition)
        }
        try await delete(sources.filter { $0 != key && !keeping.contains($0) })
        return info
    }

    /// A source of `compose` and what it was when composing began.
    struct Source: Sendable {
        let key: ObjectKey
        let info: ObjectInfo
    }

    private func look(at sources: [ObjectKey]) async throws -> [Source] {
        for source in sources { try check(source) }
        let infos = try await withThrowingTaskGroup(of: (ObjectKey, ObjectInfo?).self) { group in
            for source in Set(sources) { group.addTask { (source, try await self.head(source)) } }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        return try sources.map { source in
            guard let info = infos[source] else { throw ObjectStoreError.noSuchKey(source) }
            return Source(key: source, info: info)
        }
    }

    // MARK: Small sources

    private func gather(
        _ sources: [Source], size: Int, at key: ObjectKey, _ metadata: ObjectMetadata, _ condition: PutCondition
    ) async throws -> ObjectInfo {
        let slices = sources.map { ComposePlan.Slice(source: $0.key, range: 0..<$0.info.size, etag: $0.info.etag) }
        let (memory, sha256) = try await fetch(slices)
        defer { memory.release() }
        return try await put(memory.body, size: size, sha256: sha256, at: key, metadata, condition)
    }

    /// The bytes of some slices, one after the other, and their hash.
    private func fetch(_ slices: [ComposePlan.Slice]) async throws -> (PartMemory, [UInt8]) {
        let memory = try await reserve(max(1, slices.reduce(0) { $0 + $1.range.count }), from: .parts)
        var hasher = SHA256()
        for slice in slices where !slice.range.isEmpty {
            guard let object = try await get(slice.source, range: slice.range), object.info.etag == slice.etag else {
                throw ObjectStoreError.noSuchKey(slice.source)
            }
            switch object.body {
            case .bytes(let bytes):
                hasher.update(bytes.span.bytes)
                _ = memory.append(bytes.span.bytes)
            case .stream(let stream):
                try await stream.forEachChunk { chunk in
                    hasher.update(chunk)
                    _ = memory.append(chunk)
                }
            case .file: preconditionFailure("no file comes from a bucket")
            }
        }
        guard memory.count == slices.reduce(0, { $0 + $1.range.count }) else {
            throw ObjectStoreError.unavailable("\(slices[0].source): its bytes came incompletely")
        }
        return (memory, hasher.finalized())
    }

    // MARK: Large sources

    private func join(
        _ sources: [Source], size: Int, at key: ObjectKey, _ metadata: ObjectMetadata, _ condition: PutCondition
    ) async throws -> ObjectInfo {
        if condition == .absent, try await head(key) != nil { throw ObjectStoreError.preconditionFailed(key) }
        let upload = beginUpload(to: key, metadata: metadata)
        let plan = ComposePlan(sources)
        for (index, part) in plan.parts.enumerated() {
            try await mapping { try await upload.waitForTurn() }
            if part.count == 1, part[0].range.count >= S3PartSizes.minimum {
                upload.copy(part[0], number: index + 1)
            } else {
                let (memory, sha256) = try await fetch(part)
                upload.send(memory, number: index + 1, sha256: sha256)
            }
        }
        _ = try await complete(upload, at: key, size: size, metadata: metadata, condition: condition)
        return try await verified(key, size: size)
    }

    /// Copies an object inside the bucket, in one request or in ranges.
    func copy(
        _ source: ObjectKey, _ info: ObjectInfo, to key: ObjectKey, metadata: ObjectMetadata, condition: PutCondition
    ) async throws -> ObjectInfo {
        if info.size > wholeCopyLimit {
            return try await join([Source(key: source, info: info)], size: info.size, at: key, metadata, condition)
        }
        let isConditional = try await prepare(condition, key, .conditionalCopy)
        do {
            let etag = try await client.copyObject(
                from: source.string, to: key.string, contentType: metadata.storedContentType,
                userMetadata: metadata.userMetadata, storageClass: options.storageClass(key),
                ifNoneMatch: isConditional)
            if etag.isEmpty { return try await verified(key, size: info.size) }
            return ObjectInfo(size: info.size, etag: etag, modified: time(nil), metadata: metadata)
        } catch let error as S3Error where error.isNoSuchKey {
            throw ObjectStoreError.noSuchKey(source)
        } catch {
            throw Self.storeError(error, key)
        }
    }

    /// What is at a key that was just made of others: some servers copy nothing where a range was asked for.
    private func verified(_ key: ObjectKey, size: Int) async throws -> ObjectInfo {
        guard let info = try await head(key), info.size == size else {
            throw ObjectStoreError.unavailable("\(key): what the server copied does not have \(size) bytes")
        }
        return info
    }
}
