import Foundation
import Testing

/// Makes the images before a suite and deletes them after it.
struct ImageLayoutTrait: SuiteTrait, TestScoping {
    @concurrent func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let layout = try Layout.make(in: scratch.file("images"))
        try await Layout.$current.withValue(layout, operation: function)
    }
}

extension Trait where Self == ImageLayoutTrait {
    /// The suite's tests find the images in `Layout.current`.
    static var imageLayout: Self { Self() }
}
