import EventLoop
import Foundation
import Glibc
import HTTPClient
import ObjectStorage
import S3

/// A bucket and the way to it, as the settings describe them. Nothing is asked of it before somebody uses it.
struct BucketConnection: Sendable {
    /// Who wants to know what happens on the way.
    struct Observers: Sendable {
        /// Told of every attempt of a request.
        var attempt: S3Client.Observer?
        /// Told of every attempt to get credentials that failed, also while the old ones still are good.
        var credentialsFailure: @Sendable (CredentialsError) -> Void = { _ in }
    }

    let settings: Configuration.Storage.S3
    let store: S3ObjectStore
    let client: S3Client
    let http: HTTPClient
    let credentials: any CredentialsProvider

    /// Throws `ConfigurationError` for files that cannot be read and for credentials that are not set.
    init(
        _ storage: Configuration.Storage, bucket: String, prefix: String, loops: [EventLoop],
        observers: Observers = Observers()
    ) throws {
        settings = storage.s3
        let environment = ProcessInfo.processInfo.environment
        let client = try settings.clientSettings(bucket: bucket, prefix: prefix, environment: environment)
        http = HTTPClient(loops: loops, connections: settings.connections)
        let source = try settings.credentials.settings(region: client.region, environment: environment)
        do throws(CredentialsError) {
            credentials = try source.provider(
                http: http, now: { time(nil) }, observer: observers.credentialsFailure)
        } catch {
            throw ConfigurationError("storage.s3.credentials: \(error)")
        }
        self.client = S3Client(
            settings: client, credentials: credentials, http: http, observer: observers.attempt)
        store = S3ObjectStore(client: self.client, options: settings.storeOptions)
    }
}

extension Configuration.Storage.S3 {
    /// `environment` may name a region.
    fileprivate func clientSettings(
        bucket: String, prefix: String, environment: [String: String]
    ) throws -> S3Settings {
        var settings = S3Settings(bucket: bucket, region: try usedRegion(environment))
        settings.prefix = prefix
        settings.endpoint = S3Endpoint(endpoint)
        settings.publicEndpoint = S3Endpoint(publicEndpoint)
        switch pathStyle {
        // The certificates of AWS do not cover names with further dots.
        case .auto: settings.pathStyle = settings.endpoint != nil || bucket.contains(".")
        case .on: settings.pathStyle = true
        case .off: settings.pathStyle = false
        }
        settings.caFile = try usedCAFile(settings.effectiveEndpoint)
        switch serverSideEncryption {
        case .none: settings.encryption = .bucketDefault
        case .s3: settings.encryption = .s3
        case .kms: settings.encryption = .kms(keyID: kmsKey.isEmpty ? nil : kmsKey)
        }
        settings.maximumAttempts = attempts
        settings.retryWindow = timeouts.retries.seconds * 1000
        settings.limits = HTTPLimits(
            connect: timeouts.connect.seconds * 1000, head: timeouts.answer.seconds * 1000,
            stall: timeouts.stall.seconds * 1000)
        return settings
    }

    private static let usualRegion = "us-east-1"

    private func usedRegion(_ environment: [String: String]) throws -> String {
        if !region.isEmpty { return region }
        // Other servers have regions in name only: what the shared files say is meant for AWS.
        guard endpoint.isEmpty else { return Self.usualRegion }
        let profile = credentials.profile.isEmpty ? nil : credentials.profile
        return try SharedConfiguration.region(environment: environment, profile: profile) ?? Self.usualRegion
    }

    /// The file is tried here, because libcurl would only say that something with the certificates is wrong.
    private func usedCAFile(_ endpoint: S3Endpoint) throws(ConfigurationError) -> String? {
        guard !caFile.isEmpty, endpoint.isSecure else { return nil }
        _ = try ConfigurationFile.text(at: caFile, setting: "storage.s3.caFile")
        return caFile
    }

    fileprivate var storeOptions: S3ObjectStore.Options {
        var options = S3ObjectStore.Options()
        options.partSize = partSize.bytes
        options.partsInFlight = partsInFlight
        options.memoryLimit = bufferSize.bytes
        let (blobs, others) = (blobStorageClass, manifestStorageClass)
        options.storageClass = { key in
            let name = StorageClassOfKey(key) == .blobs ? blobs : StorageClassOfKey(key) == .others ? others : ""
            return name.isEmpty ? nil : name
        }
        return options
    }
}

/// Which setting decides on the storage class of an object.
private enum StorageClassOfKey {
    case blobs, others, none

    init(_ key: ObjectKey) {
        if key.string.hasPrefix("blobs/") {
            self = .blobs
        } else {
            // What is gone in a moment should not be billed for a month.
            self = key.string.hasPrefix("registry/_") ? .none : .others
        }
    }
}

extension Configuration.Storage.S3.Credentials {
    fileprivate func settings(region: String, environment: [String: String]) throws -> CredentialsSettings {
        var settings = CredentialsSettings(region: region, environment: environment)
        settings.source = source
        settings.profile = profile.isEmpty ? nil : profile
        if !accessKeyID.isEmpty {
            settings.keys = S3.Credentials(accessKeyID: accessKeyID, secretAccessKey: try secret)
        }
        return settings
    }

    private var secret: String {
        get throws(ConfigurationError) {
            guard !secretAccessKeyFile.isEmpty else { return secretAccessKey.text }
            let setting = "storage.s3.credentials.secretAccessKeyFile"
            let text = try ConfigurationFile.text(at: secretAccessKeyFile, setting: setting)
            let secret = text.trimmingCharacters(in: .whitespacesAndNewlines)
            guard !secret.isEmpty, secret.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw ConfigurationError(
                    "\(setting): \(secretAccessKeyFile) does not have a secret key and nothing else")
            }
            return secret
        }
    }
}
