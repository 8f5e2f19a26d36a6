extension Sequence where Element: Sendable {
    /// Runs `body` for each element, for up to `width` of them at the same time, on the executor of the caller's task.
    /// Throws the first error, after what runs has been cancelled and has ended.
    func forEachAtOnce(_ width: Int, _ body: @escaping @Sendable (Element) async throws -> Void) async throws {
        _ = try await mapAtOnce(width, body)
    }

    /// The same; returns what `body` returned, in the order of the elements.
    func mapAtOnce<Result: Sendable>(
        _ width: Int, _ body: @escaping @Sendable (Element) async throws -> Result
    ) async throws -> [Result] {
        try await withThrowingTaskGroup(of: (Int, Result).self) { group in
            var results: [Int: Result] = [:]
            var count = 0
            for element in self {
                if count >= width, let (index, result) = try await group.next() { results[index] = result }
                let index = count
                group.addTask { (index, try await body(element)) }
                count += 1
            }
            for try await (index, result) in group { results[index] = result }
            return (0..<count).compactMap { results[$0] }
        }
    }
}
