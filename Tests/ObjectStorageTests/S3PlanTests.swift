import TestSupport
import Testing

@testable import ObjectStorage

/// How multipart uploads are cut.
struct S3PlanTests {
    private static let mebibyte = 1 << 20

    @Test func partSizes() {
        let unknown = S3PartSizes(preferred: 8 << 20, largest: 48 << 20, expectedSize: nil)
        #expect(
            [1, 2500, 2501, 5000, 5001, 7501, 10_000].map(unknown.size) == [8, 8, 16, 16, 32, 48, 48].map { $0 << 20 })
        #expect(unknown.maximumSize == 2500 * (8 + 16 + 32 + 48) << 20)
        let known = S3PartSizes(preferred: 8 << 20, largest: 48 << 20, expectedSize: 100 << 30)
        #expect(known.size(of: 1) == known.size(of: 10_000))
        #expect(known.size(of: 1) * S3PartSizes.maximumCount >= 100 << 30)
        #expect(known.size(of: 1) < 12 << 20)
        #expect(S3PartSizes(preferred: 1, largest: 48 << 20, expectedSize: 10).size(of: 1) == 5 << 20)
        #expect(S3PartSizes(preferred: 8 << 20, largest: 5 << 20, expectedSize: nil).size(of: 1) == 5 << 20)
    }

    @Test(arguments: [
        ([6, 6], [[6], [6]]), ([5, 1], [[5], [1]]), ([1, 5], [[1, 4], [1]]), ([1, 11], [[1, 4], [7]]),
        ([1, 1, 1, 1, 1, 1], [[1, 1, 1, 1, 1], [1]]), ([6, 1, 6, 1], [[6], [1, 4], [2, 1]]), ([257], [[128], [129]]),
        ([512], [[256], [256]]), ([0, 6, 0, 6], [[6], [6]]),
    ])
    func composePlans(sizes: [Int], expected: [[Int]]) {
        #expect(plan(sizes.map { $0 << 20 }).parts.map { $0.map { $0.range.count >> 20 } } == expected)
    }

    /// Every byte once and in order; parts long enough; none longer than may be copied at once.
    @Test func randomComposePlans() {
        var generator = SeededGenerator(for: "randomComposePlans")
        for _ in 0..<500 {
            let sizes = (0..<Int.random(in: 1...12, using: &generator)).map { _ in
                let limit = [1000, 6 << 20, 20 << 20, 2 << 30].randomElement(using: &generator) ?? 1
                return Int.random(in: 0...limit, using: &generator)
            }
            let parts = plan(sizes).parts
            for part in parts.dropLast() {
                #expect(part.reduce(0) { $0 + $1.range.count } >= S3PartSizes.minimum)
            }
            for part in parts where part.count > 1 {
                #expect(part.reduce(0) { $0 + $1.range.count } <= S3PartSizes.minimum)
            }
            #expect(parts.allSatisfy { $0.allSatisfy { $0.range.count <= ComposePlan.longestCopy } })
            var position: [Int: Int] = [:]
            var last = 0
            for slice in parts.joined() {
                let source = Int(slice.source.string) ?? -1
                #expect(source >= last && slice.range.lowerBound == position[source, default: 0])
                position[source] = slice.range.upperBound
                last = source
            }
            #expect(sizes.enumerated().allSatisfy { position[$0.offset, default: 0] == $0.element })
        }
    }

    private func plan(_ sizes: [Int]) -> ComposePlan {
        ComposePlan(
            sizes.enumerated().map { number, size in
                let info = ObjectInfo(size: size, etag: "\(number)", modified: 0, metadata: ObjectMetadata())
                return S3ObjectStore.Source(key: ObjectKey("\(number)"), info: info)
            })
    }
}
