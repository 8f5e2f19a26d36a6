import S3

extension ConfigurationLoader {
    /// What a setting with a fixed set of values, a number or a switch wants.
    static func expectation(_ path: [String]) -> String? {
        switch path {
        case ["manifests", "missingReferences"]: "expected reject or accept"
        case ["log", "level"]: "expected one of \(LogLevel.allCases.map(\.rawValue).joined(separator: ", "))"
        case ["log", "format"]: "expected text or json"
        case ["tls", "clientCertificates"]: "expected none, optional or required"
        case ["access", "challenge"]: "expected bearer or basic"
        case ["limits", "requestsPerSecond"], ["limits", "burst"], ["limits", "concurrentUploads"]:
            "expected a whole number"
        case ["allowAnonymous"], ["readOnly"], ["log", "access"]: "expected true or false"
        case ["http", "eventLoops"], ["http", "maximumConnections"]: "expected a whole number"
        case ["pull", "mode"]: "expected one of \(PullMode.allCases.map(\.rawValue).joined(separator: ", "))"
        case _ where path.starts(with: ["stats", "prices"]): "expected dollars for a GiB and month, such as 0.023"
        default: path.starts(with: ["storage", "s3"]) ? bucketExpectation(path.dropFirst(2)) : nil
        }
    }

    private static func bucketExpectation(_ path: ArraySlice<String>) -> String? {
        switch path.joined(separator: ".") {
        case "pathStyle": "expected auto, true or false"
        case "partsInFlight", "connections", "attempts": "expected a whole number"
        case "serverSideEncryption":
            "expected one of \(ServerSideEncryption.allCases.map(\.rawValue).joined(separator: ", "))"
        case "credentials.source":
            "expected one of \(CredentialsSource.allCases.map(\.rawValue).joined(separator: ", "))"
        default: nil
        }
    }
}
