/// The variables AWS's own tools have for what Stowage has settings for. They count where nothing else is said.
///
/// Those of credentials are read by the sources of credentials themselves.
enum AWSEnvironment {
    /// A setting and the variables that may have its value, the first one that is not empty counts.
    static let variables: [(path: [String], names: [String])] = [
        (["storage", "s3", "region"], ["AWS_REGION", "AWS_DEFAULT_REGION"]),
        (["storage", "s3", "endpoint"], ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]),
        (["storage", "s3", "caFile"], ["AWS_CA_BUNDLE"]),
    ]
}
