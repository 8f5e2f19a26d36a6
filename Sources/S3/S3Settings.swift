package import HTTPClient

/// Which bucket, where, and how patiently.
package struct S3Settings: Sendable {
    /// How the service is asked to encrypt what is written.
    package enum Encryption: Sendable, Equatable {
        /// The bucket's default.
        case bucketDefault
        /// With keys of the service (SSE-S3).
        case s3
        /// With a key of the key management service, nil for the account's own (SSE-KMS).
        case kms(keyID: String?)
    }

    package var bucket: String
    /// Empty or ending in a slash; stands before every key in the bucket and never shows above the client.
    package var prefix = ""
    package var region: String
    /// Nil for Amazon's endpoint of the region.
    package var endpoint: S3Endpoint?
    /// The endpoint that presigned URLs name, if clients reach the service under another one.
    package var publicEndpoint: S3Endpoint?
    /// Whether the bucket is the first part of the path, not of the host name.
    package var pathStyle = false
    /// A file of PEM certificates to trust instead of the system's.
    package var caFile: String?
    package var encryption = Encryption.bucketDefault
    /// How often a request is sent at most, the first time included.
    package var maximumAttempts = 5
    /// No new attempt begins later than this after the first one, in milliseconds.
    package var retryWindow = 45_000
    /// The deadlines of one attempt.
    package var limits = HTTPLimits()

    package init(bucket: String, region: String) {
        self.bucket = bucket
        self.region = region
    }

    /// Where requests go.
    package var effectiveEndpoint: S3Endpoint { endpoint ?? .aws(region: region) }
}
