import EventLoop
import Glibc
import S3
import Testing

/// The error of a source that must not give credentials; it must not tell the secret either.
func refusal(_ loader: some CredentialsLoader) async -> CredentialsError {
    do throws(CredentialsError) {
        let credentials = try await loader.load()
        Issue.record("there are credentials: \(credentials)")
        return CredentialsError(.failed, source: "the test", reason: "nothing failed")
    } catch {
        #expect(!"\(error)".contains("secret/") && !String(reflecting: error).contains("secret/"))
        return error
    }
}

/// Writes a file of a test.
func write(_ text: String, to path: String) throws {
    guard let file = fopen(path, "w") else { throw SystemCallError("fopen", subject: path) }
    defer { fclose(file) }
    guard fputs(text, file) >= 0 else { throw SystemCallError("fputs", subject: path) }
}
