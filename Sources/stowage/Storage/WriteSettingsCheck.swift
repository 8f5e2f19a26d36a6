import HTTPClient
import S3

/// Tries the settings that only a write makes use of: better at the start than at the first push.
struct WriteSettingsCheck: Sendable {
    let connection: BucketConnection

    /// Writes and removes an object for each such setting. Throws `ConfigurationError` when the bucket does not take what
    /// it says, `S3Error` for anything else.
    func run() async throws {
        let settings = connection.settings
        for (name, text) in [
            ("blobStorageClass", settings.blobStorageClass), ("manifestStorageClass", settings.manifestStorageClass),
        ] where !text.isEmpty {
            try await write(name, text, storageClass: text)
        }
        if settings.serverSideEncryption != .none {
            try await write("serverSideEncryption", settings.serverSideEncryption.rawValue, storageClass: nil)
        }
    }

    private func write(_ setting: String, _ value: String, storageClass: String?) async throws {
        let client = connection.client
        let key = "registry/_probe/\(String(UInt64.random(in: 0...UInt64.max), radix: 16))"
        do {
            _ = try await client.putObject(key, body: .none, storageClass: storageClass)
        } catch let error as S3Error where error.status == 400 || error.isNotImplemented {
            throw ConfigurationError("storage.s3.\(setting): the bucket does not take \(value): \(error)")
        }
        try await client.deleteObject(key)
    }
}
