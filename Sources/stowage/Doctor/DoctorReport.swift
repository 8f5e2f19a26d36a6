import Foundation

/// What the doctor found, as `--output json` writes it.
struct DoctorReport: Codable, Equatable, Sendable {
    /// How much a finding matters.
    enum Status: String, Codable, Sendable {
        case ok
        /// It works, and could do better.
        case advice
        /// It does not work as it should.
        case wrong
    }

    /// One thing that was looked at.
    struct Finding: Codable, Equatable, Sendable {
        /// What was looked at, in one word.
        let check: String
        let status: Status
        /// One sentence.
        let text: String
        /// Examples, or what to apply.
        var details: [String] = []
    }

    /// The store in a few words.
    let storage: String
    private(set) var findings: [Finding] = []

    init(storage: String) { self.storage = storage }

    mutating func add(_ check: String, _ status: Status, _ text: String, _ details: [String] = []) {
        findings.append(Finding(check: check, status: status, text: text, details: details))
    }

    var isHealthy: Bool { findings.allSatisfy { $0.status != .wrong } }

    // MARK: Writing

    /// A line for each finding, with its details below.
    var text: String {
        var lines = ["storage: \(storage)"]
        let width = findings.map(\.check.count).max() ?? 0
        for finding in findings {
            let check = finding.check.padding(toLength: width, withPad: " ", startingAt: 0)
            let status = finding.status.rawValue.padding(toLength: 6, withPad: " ", startingAt: 0)
            lines.append("\(status)  \(check)  \(Self.printable(finding.text))")
            lines += finding.details.map { "\(String(repeating: " ", count: 10 + width))\(Self.printable($0))" }
        }
        let wrong = findings.count { $0.status == .wrong }
        lines.append(wrong == 0 ? "nothing is wrong" : wrong == 1 ? "1 thing is wrong" : "\(wrong) things are wrong")
        return lines.joined(separator: "\n")
    }

    var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }

    /// Keys and messages come from outside: they must not move the cursor of a terminal.
    private static func printable(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "?" : $0 }))
    }
}
