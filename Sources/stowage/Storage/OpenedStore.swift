import EventLoop
import Foundation
import ObjectStorage
import S3

/// The store of a configuration, with what only its kind has.
enum OpenedStore: Sendable {
    case directory(DirectoryObjectStore)
    case bucket(BucketConnection)

    /// Opens what `storage.location` names; a bucket is not asked anything yet. Blocks for a directory.
    init(
        _ configuration: Configuration, loops: [EventLoop], blockingWork: BlockingWork,
        observers: BucketConnection.Observers = BucketConnection.Observers()
    ) throws {
        let storage = configuration.storage
        do {
            switch try StorageLocation(storage.location) {
            case .bucket(let name, let prefix):
                self = .bucket(
                    try BucketConnection(storage, bucket: name, prefix: prefix, loops: loops, observers: observers))
            case .directory(let path):
                self = .directory(
                    try DirectoryObjectStore(
                        root: path, blockingWork: blockingWork, cacheLimit: storage.cacheSize.bytes,
                        readOnly: configuration.readOnly))
            }
        } catch let error as StorageLocation.Problem {
            throw ConfigurationError("storage.location: \(error)")
        } catch let error as SystemCallError {
            throw ConfigurationError("the directory \(storage.location) cannot be used: \(error)")
        }
    }

    var store: any ObjectStore {
        switch self {
        case .directory(let store): store
        case .bucket(let connection): connection.store
        }
    }

    var bucket: S3ObjectStore? {
        guard case .bucket(let connection) = self else { return nil }
        return connection.store
    }

    /// Whether no endpoint is set.
    var isAtAWS: Bool {
        guard case .bucket(let connection) = self else { return false }
        return connection.client.settings.endpoint == nil
    }

    /// The store in a few words, for the person who started the program.
    var summary: String {
        switch self {
        case .directory(let store): "directory \(URL(fileURLWithPath: store.location).standardizedFileURL.path)"
        case .bucket(let connection):
            "bucket \(connection.store.location) at \(connection.client.settings.effectiveEndpoint)"
        }
    }

    /// Proves that the store can be used, and finds out what a bucket can do. Throws a `ConfigurationError` with what is
    /// wrong and, where that is known, what to do.
    func prove(readOnly: Bool) async throws {
        do {
            guard case .bucket(let connection) = self else { return try await store.probe(readOnly: readOnly) }
            // First of all a listing: what it says of a bucket that cannot be used is the clearest.
            try await connection.store.probe(readOnly: true)
            if readOnly { return }
            try await WriteSettingsCheck(connection: connection).run()
            let order = try await connection.store.probeCapabilities(readOnly: false)[.listOrder]
            if let consequence = order.consequence {
                throw ConfigurationError("the bucket \(store.location): \(consequence)")
            }
        } catch let error as ConfigurationError {
            throw error
        } catch {
            let kind = if case .bucket = self { "bucket" } else { "directory" }
            throw ConfigurationError("the \(kind) \(store.location) cannot be used: \(Self.reason(error))")
        }
    }

    /// The reason alone: that the store failed is said already.
    static func reason(_ error: any Error) -> String {
        guard case ObjectStoreError.unavailable(let reason) = error else { return "\(error)" }
        return reason
    }
}

extension S3Capabilities {
    /// Every feature and whether the bucket has it.
    var lines: [String] { findings.map { "\($0.feature.rawValue) \($0.state.words)" } }

    /// What the bucket cannot do, a sentence for each feature that is lost by it.
    var losses: [String] {
        findings.compactMap { finding in
            finding.consequence.map { "\(finding.feature.rawValue) \(finding.state.words): \($0)" }
        }
    }
}

extension S3Capabilities.State {
    /// How the bucket answered, behind the name of the feature.
    var words: String {
        switch self {
        case .works: "works"
        case .ignored: "is ignored"
        case .refused(let reason): "is refused (\(reason))"
        case .unknown: "was not tested"
        }
    }
}
