/// Everything that is wrong with a configuration, one line for each thing.
struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    let problems: [String]

    init(_ problems: [String]) { self.problems = problems }
    init(_ problem: String) { problems = [problem] }

    var description: String { problems.joined(separator: "\n") }
}

extension String {
    /// The text with escapes for what would end the line or move a terminal's cursor.
    var onOneLine: String { String(debugDescription.dropFirst().dropLast()) }
}
