import ArgumentParser
import Foundation

/// The options of every command that works on a store: where it is, and how a bucket is reached.
///
/// There is none for the secret key and the session token: whoever may list processes can read a command line.
struct StorageOptions: ParsableArguments {
    @Option(help: "A YAML file with settings; config/stowage.yaml shows them all. [STOWAGE_CONFIG]")
    var config: String?
    @Option(help: "Where the bytes are: a directory, or s3://BUCKET/PREFIX. Default ./stowage-data. [STOWAGE_STORAGE]")
    var storage: String?

    @OptionGroup(title: "Bucket options")
    var bucket: BucketOptions

    /// What these options say besides the file.
    var overrides: [ConfigurationLoader.Override] {
        let location = storage.map {
            ConfigurationLoader.Override(path: ["storage", "location"], value: $0, option: "--storage")
        }
        return [location].compactMap(\.self) + bucket.overrides
    }

    /// Reads the configuration as a command line with these options wants it; `more` are its other options.
    func load(
        _ more: [ConfigurationLoader.Override] = []
    ) throws -> (configuration: Configuration, unknownVariables: [String]) {
        let environment = ProcessInfo.processInfo.environment
        return try ConfigurationLoader.load(
            file: config ?? environment["STOWAGE_CONFIG"], environment: environment, overrides: overrides + more)
    }
}

/// `--s3-…`, for the settings below `storage.s3`.
struct BucketOptions: ParsableArguments {
    @Option(name: .customLong("s3-region"), help: "For example eu-central-1. [STOWAGE_STORAGE_S3_REGION]")
    var region: String?
    @Option(
        name: .customLong("s3-endpoint"), help: "URL of a server other than AWS. [STOWAGE_STORAGE_S3_ENDPOINT]")
    var endpoint: String?
    @Option(name: .customLong("s3-public-endpoint"), help: "URL of the same server as clients reach it.")
    var publicEndpoint: String?
    @Option(
        name: .customLong("s3-path-style"),
        help: "auto, true or false: the bucket in paths instead of host names. Default auto: true with an endpoint.")
    var pathStyle: String?
    @Option(name: .customLong("s3-ca-file"), help: "PEM certificates to trust instead of the system's.")
    var caFile: String?
    @Option(name: .customLong("s3-part-size"), help: "Of an upload's parts. Default 8MiB.")
    var partSize: String?
    @Option(name: .customLong("s3-parts-in-flight"), help: "Parts of one upload under way at once. Default 4.")
    var partsInFlight: String?
    @Option(name: .customLong("s3-buffer-size"), help: "Memory for parts of all uploads together. Default 128MiB.")
    var bufferSize: String?
    @Option(name: .customLong("s3-connections"), help: "Connections of one event loop. Default 256.")
    var connections: String?
    @Option(name: .customLong("s3-attempts"), help: "Requests for one operation at most. Default 4.")
    var attempts: String?
    @Option(name: .customLong("s3-connect-timeout"), help: "For a connection. Default 10s.")
    var connectTimeout: String?
    @Option(name: .customLong("s3-answer-timeout"), help: "From a request to its answer. Default 30s.")
    var answerTimeout: String?
    @Option(name: .customLong("s3-stall-timeout"), help: "Without a byte moving. Default 30s.")
    var stallTimeout: String?
    @Option(name: .customLong("s3-retry-timeout"), help: "From an operation's first attempt to its last. Default 30s.")
    var retryTimeout: String?
    @Option(name: .customLong("s3-blob-storage-class"), help: "For example INTELLIGENT_TIERING.")
    var blobStorageClass: String?
    @Option(name: .customLong("s3-manifest-storage-class"), help: "The same for everything but blobs.")
    var manifestStorageClass: String?
    @Option(name: .customLong("s3-server-side-encryption"), help: "none, AES256 or aws:kms. Default none.")
    var serverSideEncryption: String?
    @Option(name: .customLong("s3-kms-key"), help: "The id or ARN of the key of aws:kms.")
    var kmsKey: String?
    @Option(
        name: .customLong("s3-credentials"),
        help: """
            Where credentials come from: auto, static, environment, profile, web-identity, container or instance. \
            Default auto.
            """)
    var credentials: String?
    @Option(name: .customLong("s3-access-key-id"), help: "Of static credentials.")
    var accessKeyID: String?
    @Option(name: .customLong("s3-secret-access-key-file"), help: "A file with the secret of --s3-access-key-id.")
    var secretAccessKeyFile: String?
    @Option(name: .customLong("s3-profile"), help: "A profile of the shared credentials files. [AWS_PROFILE]")
    var profile: String?

    /// What these options say besides the file.
    var overrides: [ConfigurationLoader.Override] {
        let options: [(path: [String], value: String?, option: String)] = [
            (["region"], region, "region"), (["endpoint"], endpoint, "endpoint"),
            (["publicEndpoint"], publicEndpoint, "public-endpoint"), (["pathStyle"], pathStyle, "path-style"),
            (["caFile"], caFile, "ca-file"), (["partSize"], partSize, "part-size"),
            (["partsInFlight"], partsInFlight, "parts-in-flight"), (["bufferSize"], bufferSize, "buffer-size"),
            (["connections"], connections, "connections"), (["attempts"], attempts, "attempts"),
            (["timeouts", "connect"], connectTimeout, "connect-timeout"),
            (["timeouts", "answer"], answerTimeout, "answer-timeout"),
            (["timeouts", "stall"], stallTimeout, "stall-timeout"),
            (["timeouts", "retries"], retryTimeout, "retry-timeout"),
            (["blobStorageClass"], blobStorageClass, "blob-storage-class"),
            (["manifestStorageClass"], manifestStorageClass, "manifest-storage-class"),
            (["serverSideEncryption"], serverSideEncryption, "server-side-encryption"),
            (["kmsKey"], kmsKey, "kms-key"), (["credentials", "source"], credentials, "credentials"),
            (["credentials", "accessKeyID"], accessKeyID, "access-key-id"),
            (["credentials", "secretAccessKeyFile"], secretAccessKeyFile, "secret-access-key-file"),
            (["credentials", "profile"], profile, "profile"),
        ]
        return options.compactMap { path, value, option in
            value.map {
                ConfigurationLoader.Override(path: ["storage", "s3"] + path, value: $0, option: "--s3-\(option)")
            }
        }
    }
}
