import S3

extension Configuration.Storage {
    /// How a bucket is reached and written to. An empty text is a setting that is not set.
    struct S3: Codable, Equatable, Sendable {
        /// For example `eu-central-1`; without it `us-east-1`, which servers other than AWS hardly look at.
        var region = ""
        /// `http://HOST[:PORT]` or `https://HOST[:PORT]` of a server other than AWS.
        var endpoint = ""
        /// The endpoint as clients reach it, for the URLs they are redirected to.
        var publicEndpoint = ""
        /// The bucket in the path (`true`) or in the host name (`false`) of a request.
        var pathStyle = Toggle.auto
        /// A file of PEM certificates to trust instead of the system's.
        var caFile = ""
        /// Bytes of a part of an upload, and the largest blob that is stored by one request.
        var partSize = ByteCount(8 << 20)
        /// Parts of one upload or copy that are under way at once.
        var partsInFlight = 4
        /// Memory for parts, of all uploads together; who would need more waits.
        var bufferSize = ByteCount(128 << 20)
        /// Connections of one event loop.
        var connections = 256
        /// Requests for one operation, the first one included.
        var attempts = 4
        var timeouts = Timeouts()
        /// For example `INTELLIGENT_TIERING`; empty for the bucket's default.
        var blobStorageClass = ""
        /// The same for everything but blobs.
        var manifestStorageClass = ""
        var serverSideEncryption = ServerSideEncryption.none
        /// The key of `aws:kms`; empty for the account's own.
        var kmsKey = ""
        var credentials = Credentials()
    }
}

extension Configuration.Storage.S3 {
    /// How long requests to the bucket may take.
    struct Timeouts: Codable, Equatable, Sendable {
        /// For a connection, TLS included.
        var connect = TimeSpan(10)
        /// From the end of a request to the head of its answer.
        var answer = TimeSpan(30)
        /// Without a byte moving.
        var stall = TimeSpan(30)
        /// From the first attempt of an operation to the beginning of its last.
        var retries = TimeSpan(30)
    }

    /// Who asks.
    struct Credentials: Codable, Equatable, Sendable {
        var source = CredentialsSource.auto
        var accessKeyID = ""
        var secretAccessKey = Secret("")
        /// A file that has the secret and nothing else.
        var secretAccessKeyFile = ""
        /// What keys that are valid for a while have besides; empty for keys that last.
        var sessionToken = Secret("")
        /// A profile of the shared configuration and credentials files.
        var profile = ""
    }
}

/// A switch that has a good position of its own.
enum Toggle: String, Codable, CaseIterable, Sendable {
    case auto
    case on = "true"
    case off = "false"
}

/// Who encrypts the objects of a bucket, in the words of `x-amz-server-side-encryption`.
enum ServerSideEncryption: String, Codable, CaseIterable, Sendable {
    case none
    case s3 = "AES256"
    case kms = "aws:kms"
}
