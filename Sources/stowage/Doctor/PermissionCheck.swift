import HTTPClient
import S3

/// Tries each kind of operation on keys of its own, which it removes, and names what is not permitted as IAM does.
struct PermissionCheck: Sendable {
    private let client: S3Client
    private let key: String
    private let uploadKey: String
    private var denied: [String] = []
    private var failures: [String] = []

    init(_ client: S3Client) {
        self.client = client
        let name = "registry/_probe/doctor-\(String(UInt64.random(in: 0...UInt64.max), radix: 16))"
        (key, uploadKey) = (name, "\(name)-upload")
    }

    /// Whether everything that was tried is permitted and works.
    var areComplete: Bool { denied.isEmpty && failures.isEmpty }

    /// Whether objects may be listed and read.
    var allowLooking: Bool { !denied.contains("s3:ListBucket") && !denied.contains("s3:GetObject") }

    /// Adds what it finds to `report`.
    mutating func run(readOnly: Bool, _ report: inout DoctorReport) async {
        let client = client
        await attempt("s3:ListBucket") { _ = try await client.listObjects(prefix: "registry/_probe/", maxKeys: 1) }
        if !readOnly { await write() }
        // Of a key that is not there as well: who may read is told that it is absent.
        await attempt("s3:GetObject") { [key] in _ = try await client.headObject(key) }
        if !readOnly { await remove() }
        conclude(&report, readOnly: readOnly)
    }

    private mutating func write() async {
        let client = client
        await attempt("s3:PutObject") { [key] in
            _ = try await client.putObject(key, body: .bytes(Array("doctor\n".utf8)))
        }
        await attempt("s3:AbortMultipartUpload") { [uploadKey] in
            let upload = try await client.createMultipartUpload(uploadKey)
            try await client.abortMultipartUpload(uploadKey, uploadID: upload)
        }
    }

    private mutating func remove() async {
        let client = client
        await attempt("s3:DeleteObject") { [key] in try await client.deleteObject(key) }
    }

    /// Runs an operation that needs `action`.
    private mutating func attempt(_ action: String, _ body: () async throws -> Void) async {
        do {
            try await body()
        } catch let error as S3Error where error.isAccessDenied {
            let needed = error.operation == "CreateMultipartUpload" ? "s3:PutObject" : action
            if !denied.contains(needed) { denied.append(needed) }
        } catch {
            failures.append("\(error)")
        }
    }

    private func conclude(_ report: inout DoctorReport, readOnly: Bool) {
        if !denied.isEmpty {
            let text = "not permitted: \(denied.joined(separator: ", ")); config/aws/policy.json has all that is needed"
            report.add("permissions", .wrong, text)
        }
        if !failures.isEmpty { report.add("permissions", .wrong, "operations failed", failures) }
        guard areComplete else { return }
        report.add("permissions", .ok, readOnly ? "objects may be listed and read" : "everything that is needed")
    }
}
