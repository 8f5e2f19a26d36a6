import EventLoop
import HTTPClient
import S3
import TestSupport
import Testing

@testable import ObjectStorage

/// The memory for what is on its way into a bucket.
struct PartBudgetTests {
    private static let piece = PartBudget.pieceSize

    @Test func roomIsReservedAndGivenBack() async throws {
        let budget = PartBudget(limit: 16 * Self.piece, partSize: 4 * Self.piece)
        let part = try await budget.reserve(4 * Self.piece, from: .parts)
        let first = try await budget.reserve(100, from: .firstPieces)
        #expect(budget.usage.used == 4 * Self.piece + 100)
        part.release()
        part.release()
        first.release()
        #expect(budget.usage.used == 0)
        #expect(budget.usage.peak == 4 * Self.piece + 100)
    }

    @Test func lettingGoGivesBack() async throws {
        let budget = PartBudget(limit: 16 * Self.piece, partSize: 4 * Self.piece)
        _ = try await budget.reserve(Self.piece, from: .parts)
        #expect(budget.usage.used == 0)
    }

    /// A share that is used up makes others wait in their order; the other share is not concerned.
    @Test func waitingIsInOrder() async throws {
        let budget = PartBudget(limit: 8 * Self.piece, partSize: 6 * Self.piece)
        let held = try await budget.reserve(6 * Self.piece, from: .parts)
        let order = Guarded<[Int]>([])
        try await withThrowingTaskGroup { group in
            for number in 0..<5 {
                group.addTask {
                    let memory = try await budget.reserve(6 * Self.piece, from: .parts)
                    order.change { $0.append(number) }
                    memory.release()
                }
                try await eventually { budget.waiting(for: .parts) == number + 1 }
            }
            _ = try await budget.reserve(Self.piece, from: .firstPieces)
            #expect(order.value.isEmpty)
            held.release()
            try await group.waitForAll()
        }
        #expect(order.value == [0, 1, 2, 3, 4])
    }

    /// One that is cancelled lets those behind it have what it waited for.
    @Test func cancelledWait() async throws {
        let budget = PartBudget(limit: 8 * Self.piece, partSize: 6 * Self.piece)
        let held = try await budget.reserve(3 * Self.piece, from: .parts)
        let large = Task { try await budget.reserve(6 * Self.piece, from: .parts) }
        try await eventually { budget.waiting(for: .parts) == 1 }
        let small = Task { try await budget.reserve(Self.piece, from: .parts).release() }
        try await eventually { budget.waiting(for: .parts) == 2 }
        large.cancel()
        try await small.value
        await #expect(throws: CancellationError.self) { _ = try await large.value }
        held.release()
        #expect(budget.usage.used == 0)
    }

    /// Many tasks that hold a first piece while they wait for a part, as writers do, with room for one part.
    @Test func nobodyWaitsForever() async throws {
        let budget = PartBudget(limit: 5 * Self.piece, partSize: 4 * Self.piece)
        try await withThrowingTaskGroup { group in
            for _ in 0..<200 {
                group.addTask {
                    let first = try await budget.reserve(Self.piece, from: .firstPieces)
                    let part = try await budget.reserve(4 * Self.piece, from: .parts)
                    part.adopt(first)
                    await Task.yield()
                    part.release()
                }
            }
            try await group.waitForAll()
        }
        #expect(budget.usage.used == 0)
        #expect(budget.usage.peak <= 5 * Self.piece)
    }

    /// Bytes come out as they went in, across pieces and from a first piece to a part.
    @Test(arguments: [0, 1, piece - 1, piece, piece + 1, 3 * piece, 4 * piece])
    func bytesAreKept(count: Int) async throws {
        let budget = PartBudget(limit: 16 * Self.piece, partSize: 4 * Self.piece)
        let bytes = sampleBytes(count)
        let first = try await budget.reserve(Self.piece, from: .firstPieces)
        var done = 0
        while done < count, !first.isFull {
            done += first.append(bytes.span.bytes.extracting(done..<min(count, done + 100_000)))
        }
        let part = try await budget.reserve(4 * Self.piece, from: .parts)
        part.adopt(first)
        while done < count {
            done += part.append(bytes.span.bytes.extracting(done..<min(count, done + 100_000)))
        }
        guard case .pieces(let pieces, let total) = part.body else {
            Issue.record("the body is not pieces")
            return
        }
        #expect(total == count)
        var kept: [UInt8] = []
        for piece in pieces {
            piece.withSpan(0..<min(piece.capacity, total - kept.count)) { span in
                span.withUnsafeBytes { kept.append(contentsOf: $0) }
            }
        }
        #expect(kept == bytes)
        #expect(part.isFull == (count == 4 * Self.piece))
    }
}
