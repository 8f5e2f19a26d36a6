import EventLoop
import Glibc

/// The bytes of a request's body, read in order and again from any offset.
struct CurlUpload {
    private let body: HTTPRequestBody
    private var offset = 0
    /// For a body in pieces: the piece at `offset`, and the place in it.
    private var piece = 0
    private var pieceOffset = 0

    init(_ body: HTTPRequestBody) {
        self.body = body
    }

    var isAtEnd: Bool { offset == body.count }

    /// Copies the next bytes; returns how many, 0 at the end.
    mutating func read(into room: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(room.count, body.count - offset)
        guard count > 0 else { return 0 }
        switch body {
        case .none: return 0
        case .bytes(let bytes):
            bytes.withUnsafeBytes {
                room.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + count]))
            }
            offset += count
            return count
        case .pieces(let pieces, _): return copy(count, of: pieces, into: room)
        }
    }

    private mutating func copy(_ count: Int, of pieces: [Buffer], into room: UnsafeMutableRawBufferPointer) -> Int {
        var copied = 0
        while copied < count {
            let buffer = pieces[piece]
            let step = min(count - copied, buffer.capacity - pieceOffset)
            UnsafeMutableRawBufferPointer(rebasing: room[copied...])
                .copyMemory(from: UnsafeRawBufferPointer(start: buffer.base + pieceOffset, count: step))
            copied += step
            pieceOffset += step
            if pieceOffset == buffer.capacity { (piece, pieceOffset) = (piece + 1, 0) }
        }
        offset += copied
        return copied
    }

    /// Goes on reading at `target`, which must lie within the body.
    mutating func seek(to target: Int) {
        precondition(target >= 0 && target <= body.count, "seek outside of the body")
        offset = target
        (piece, pieceOffset) = (0, target)
        guard case .pieces(let pieces, _) = body else { return }
        while piece < pieces.count, pieceOffset >= pieces[piece].capacity {
            pieceOffset -= pieces[piece].capacity
            piece += 1
        }
    }
}
