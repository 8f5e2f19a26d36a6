import ObjectStorage
import Synchronization

/// Bytes of a chunked layer: its chunk objects, one after the other, the next one fetched while one is given.
struct S3loLayerStream: ObjectStream {
    /// Where the bytes of one object are, and which of them are wanted.
    private struct Request: Sendable {
        let key: ObjectKey
        let objectSize: Int
        let range: Range<Int>
    }

    let layer: S3loLayer
    let range: Range<Int>
    let registry: Repositories

    var size: Int { range.count }

    func forEachChunk(_ use: (RawSpan) async throws -> Void) async throws {
        let pieces = layer.pieces(in: range)
        try await withThrowingTaskGroup(of: ObjectBody.self) { group in
            // Empty unless the piece was read ahead.
            for index in pieces.indices {
                let ahead = try await group.next()
                if index + 1 < pieces.endIndex {
                    let next = request(pieces[index + 1])
                    // Without room for it the next piece is fetched when its turn has come.
                    if let space = registry.s3lo.readAhead.reserve(next.range.count) {
                        group.addTask { try await fetch(next, into: space) }
                    }
                }
                let body = if let ahead { ahead } else { try await open(request(pieces[index])) }
                try await body.forEachChunk(on: registry.blockingWork, use)
            }
        }
    }

    private func request(_ piece: S3loLayer.Piece) -> Request {
        let wanted = piece.bytes.clamped(to: range)
        let start = piece.bytes.lowerBound
        return Request(
            key: StorageLayout.chunk(piece.hex), objectSize: piece.bytes.count,
            range: wanted.lowerBound - start..<wanted.upperBound - start)
    }

    private func open(_ request: Request) async throws -> ObjectBody {
        let range = request.range.count == request.objectSize ? nil : request.range
        guard let object = try await registry.store.get(request.key, range: range) else {
            throw ObjectStoreError.unavailable("\(request.key), a chunk of a layer, has gone while it was read")
        }
        guard object.info.size == request.objectSize, object.body.size == request.range.count else {
            throw ObjectStoreError.unavailable("\(request.key), a chunk of a layer, has changed while it was read")
        }
        return object.body
    }

    /// What comes from far away is read into memory; a file needs no time.
    private func fetch(_ request: Request, into space: ReservedSpace) async throws -> ObjectBody {
        let body = try await open(request)
        guard case .stream = body else { return body }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(body.size)
        try await body.forEachChunk(on: registry.blockingWork) { chunk in
            chunk.withUnsafeBytes { bytes.append(contentsOf: $0) }
        }
        return .stream(BytesReadAhead(bytes: bytes, space: space))
    }
}

/// Bytes that were read ahead, and the share of the memory for such that they take until they are let go.
private struct BytesReadAhead: ObjectStream {
    let bytes: [UInt8]
    let space: ReservedSpace

    var size: Int { bytes.count }

    func forEachChunk(_ use: (RawSpan) async throws -> Void) async throws {
        try await use(bytes.span.bytes)
    }
}
