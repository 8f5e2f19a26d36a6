import Foundation
import Testing

/// A line of the audit log, as far as the tests read it.
struct AuditLine: Decodable {
    let user: String
    let action: String?
    let repository: String?
    let status: Int
}

extension GuardedRegistry {
    /// The audit log so far.
    func auditLines() throws -> [AuditLine] {
        let text = try String(contentsOfFile: scratch.file("audit.log"), encoding: .utf8)
        // What follows the last line feed is being written.
        return try text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map {
            try JSONDecoder().decode(AuditLine.self, from: Data($0.utf8))
        }
    }

    /// Waits until the audit log says that the user tried the action in the repository, with that end.
    func expectAudited(_ user: String, _ action: String, _ repository: String, _ status: Int) async throws {
        try await eventually {
            try auditLines().contains {
                $0.user == user && $0.action == action && $0.repository == repository && $0.status == status
            }
        }
    }
}
