import ArgumentParser
import EventLoop
import S3
import TestSupport
import Testing

@testable import stowage

/// The settings of a bucket: locations, what is refused, AWS's variables, options, secrets.
@Suite struct BucketConfigurationTests {
    // MARK: Locations

    @Test(arguments: [
        ("data", StorageLocation.directory("data")), ("/s3:/x", .directory("/s3:/x")), ("S3://x", nil),
        ("s3://bucket", .bucket(name: "bucket", prefix: "")), ("s3://bucket/", .bucket(name: "bucket", prefix: "")),
        ("s3://my.bucket-1/a", .bucket(name: "my.bucket-1", prefix: "a/")),
        ("s3://bucket/a/B_1/c.d/", .bucket(name: "bucket", prefix: "a/B_1/c.d/")),
        ("", nil), ("gs://bucket", nil), ("s3://", nil), ("s3:///a", nil), ("s3://ab", nil), ("s3://a_b_c", nil),
        ("s3://Bucket", nil), ("s3://-bucket", nil), ("s3://bucket.", nil), ("s3://a..b", nil),
        ("s3://192.168.1.4", nil), ("s3://1.2.3.400", .bucket(name: "1.2.3.400", prefix: "")),
        ("s3://" + String(repeating: "b", count: 63), .bucket(name: String(repeating: "b", count: 63), prefix: "")),
        ("s3://" + String(repeating: "b", count: 64), nil),
        ("s3://bucket//", nil), ("s3://bucket//a", nil), ("s3://bucket/a//b", nil), ("s3://bucket/../a", nil),
        ("s3://bucket/.", nil), ("s3://bucket/a b", nil), ("s3://bucket/a%20b", nil), ("s3://bucket/\u{e9}", nil),
        ("s3://bucket/a\u{10}", nil), ("s3://bucket?x=1", nil), ("s3://key:secret@bucket", nil),
    ])
    func aLocationIsADirectoryOrABucket(_ text: String, _ location: StorageLocation?) throws {
        if let location {
            #expect(try StorageLocation(text) == location)
        } else {
            #expect(throws: StorageLocation.Problem.self) { try StorageLocation(text) }
        }
    }

    // MARK: Complaints

    private static let endpointWanted = "expected http://HOST[:PORT] or https://HOST[:PORT], without a path"
    private static let sources = "auto, static, environment, profile, web-identity, container, instance"

    @Test(arguments: [
        ("region: eu central", ["region: expected a region, such as eu-central-1 (found \"eu central\")"]),
        ("endpoint: http://h/x", ["endpoint: \(endpointWanted) (found \"http://h/x\")"]),
        ("publicEndpoint: h", ["publicEndpoint: \(endpointWanted) (found \"h\")"]),
        ("pathStyle: yes", ["pathStyle: expected auto, true or false (found \"yes\")"]),
        ("caFile: file:///x", ["caFile: expected a file (found \"file:///x\")"]),
        ("partSize: 5242879", ["partSize: expected 5MiB to 5GiB, as S3 has its parts"]),
        (
            "partSize: 6GiB",
            [
                "partSize: expected 5MiB to 5GiB, as S3 has its parts",
                "bufferSize: expected at least three parts (partSize), so that one is filled while another is sent",
            ]
        ),
        (
            "bufferSize: 23MiB",
            ["bufferSize: expected at least three parts (partSize), so that one is filled while another is sent"]
        ),
        ("partsInFlight: 0", ["partsInFlight: expected 1 to 64"]),
        ("partsInFlight: few", ["partsInFlight: expected a whole number (found \"few\")"]),
        ("connections: 1025", ["connections: expected 1 to 1024"]), ("attempts: 0", ["attempts: expected 1 to 20"]),
        (
            "timeouts: {connect: 0s, stall: 2h}",
            ["timeouts.connect: expected 1s to 1h", "timeouts.stall: expected 1s to 1h"]
        ),
        (
            "blobStorageClass: COLD STORAGE",
            ["blobStorageClass: expected a storage class, such as STANDARD_IA (found \"COLD STORAGE\")"]
        ),
        (
            "serverSideEncryption: yes",
            ["serverSideEncryption: expected one of none, AES256, aws:kms (found \"yes\")"]
        ),
        ("kmsKey: abc", ["kmsKey: needs serverSideEncryption: aws:kms"]),
        ("bucket: x", ["bucket: unknown setting"]),
        ("credentials: {source: magic}", ["credentials.source: expected one of \(sources) (found \"magic\")"]),
        ("credentials: {source: static}", ["credentials.source: needs accessKeyID and secretAccessKey"]),
        ("credentials: {accessKeyID: A}", ["credentials.accessKeyID: needs secretAccessKey or secretAccessKeyFile"]),
        ("credentials: {secretAccessKey: B}", ["credentials.secretAccessKey: needs accessKeyID"]),
        ("credentials: {secretAccessKeyFile: f}", ["credentials.secretAccessKeyFile: needs accessKeyID"]),
        ("credentials: {sessionToken: T}", ["credentials.sessionToken: needs accessKeyID"]),
        (
            "credentials: {accessKeyID: A, secretAccessKey: B, secretAccessKeyFile: f}",
            ["credentials.secretAccessKeyFile: secretAccessKey is set, too; choose one of them"]
        ),
        (
            "credentials: {accessKeyID: A, secretAccessKey: B, profile: p}",
            ["credentials.profile: not used, because accessKeyID is set"]
        ),
        (
            "credentials: {source: instance, accessKeyID: A, secretAccessKey: B}",
            ["credentials.source: accessKeyID is set, which only source: static uses"]
        ),
        ("credentials: {source: container, profile: p}", ["credentials.profile: only source: profile uses it"]),
        ("credentials: {profile: a b}", ["credentials.profile: expected the name of a profile (found \"a b\")"]),
    ])
    func saysWhatIsWrong(_ setting: String, _ complaints: [String]) throws {
        #expect(try Self.complaints("storage:\n  s3: {\(setting)}\n") == complaints.map { "storage.s3.\($0)" })
    }

    @Test(arguments: [
        "region: us-gov-west-1", "endpoint: 'http://127.0.0.1:9000'", "partSize: 5MiB", "partSize: 42MiB",
        "pathStyle: false",
        "serverSideEncryption: 'aws:kms', kmsKey: 'arn:aws:kms:eu-west-1:1:key/a-b'", "bufferSize: 32MiB",
        "credentials: {accessKeyID: A, secretAccessKey: B}", "credentials: {source: profile, profile: p}",
        "credentials: {source: static, accessKeyID: A, secretAccessKeyFile: f}",
        "credentials: {accessKeyID: A, secretAccessKey: B, sessionToken: T}",
        "blobStorageClass: INTELLIGENT_TIERING",
    ])
    func takesWhatIsRight(_ setting: String) throws {
        #expect(try Self.complaints("storage:\n  location: s3://bucket\n  s3: {\(setting)}\n") == [])
    }

    // MARK: Variables of AWS

    @Test func awsVariablesCountOnlyForABucketAndWhereNothingElseIsSaid() throws {
        let environment = [
            "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2", "AWS_ENDPOINT_URL": "http://one",
            "AWS_ENDPOINT_URL_S3": "http://two", "AWS_CA_BUNDLE": "/ca.pem",
        ]
        let bucket = try Self.load(environment, location: "s3://bucket").storage.s3
        #expect(bucket.region == "eu-west-1" && bucket.endpoint == "http://two" && bucket.caFile == "/ca.pem")
        #expect(try Self.load(environment, location: "data").storage.s3 == Configuration.Storage.S3())
        let less = ["AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-2", "AWS_ENDPOINT_URL": "http://one"]
        let other = try Self.load(less, location: "s3://bucket").storage.s3
        #expect(other.region == "eu-west-2" && other.endpoint == "http://one" && other.caFile.isEmpty)
        let more = environment.merging(["STOWAGE_STORAGE_S3_REGION": "x-1"]) { $1 }
        #expect(try Self.load(more, location: "s3://bucket").storage.s3.region == "x-1")
        let file = try TemporaryFile("storage:\n  location: s3://bucket\n  s3: {endpoint: 'http://three'}\n")
        let layered = try ConfigurationLoader.load(file: file.path, environment: environment).configuration
        #expect(layered.storage.s3.endpoint == "http://three" && layered.storage.s3.region == "eu-west-1")
    }

    @Test func aWrongAwsVariableIsNamed() {
        #expect(
            throws: ConfigurationError(
                "AWS_ENDPOINT_URL: storage.s3.endpoint: \(Self.endpointWanted) (found \"http://h/path\")")
        ) { try Self.load(["AWS_ENDPOINT_URL": "http://h/path"], location: "s3://bucket") }
    }

    // MARK: Options

    /// Every setting below `storage.s3` has an option, and each option a setting; only the secrets have none.
    @Test func everySettingOfABucketIsAnOption() throws {
        let paths = EnvironmentNamesTests.paths.filter { $0.starts(with: ["storage", "s3"]) }
        let named = BucketOptions.helpMessage()
        var values = ["serve", "--storage", "s3://bucket"]
        for line in named.split(separator: "\n") {
            let words = line.split(separator: " ")
            if let option = words.first, option.hasPrefix("--s3-") { values += [String(option), "x"] }
        }
        let command = try #require(try Stowage.parseAsRoot(values) as? ServeCommand)
        let set = command.overrides.map(\.path).filter { $0.starts(with: ["storage", "s3"]) }
        #expect(Set(set).count == set.count)
        let secrets = ["secretAccessKey", "sessionToken"].map { ["storage", "s3", "credentials", $0] }
        #expect(Set(paths).subtracting(set) == Set(secrets))
        #expect(Set(set).isSubset(of: paths))
    }

    // MARK: Secrets

    @Test func temporaryKeysHaveTheirToken() async throws {
        let name = "STOWAGE_STORAGE_S3_CREDENTIALS_"
        var variables = ["\(name)ACCESS_KEY_ID": "A", "\(name)SECRET_ACCESS_KEY": "B", "\(name)SESSION_TOKEN": "T=="]
        for token in ["T==", nil] {
            let storage = try Self.load(variables, location: "s3://bucket").storage
            let loop = try EventLoop(name: "temporary keys")
            let connection = try BucketConnection(storage, bucket: "bucket", prefix: "", loops: [loop])
            let credentials = try await connection.credentials.credentials()
            #expect((credentials.accessKeyID, credentials.secretAccessKey) == ("A", "B"))
            #expect(credentials.sessionToken == token)
            variables["\(name)SESSION_TOKEN"] = ""
        }
    }

    @Test func aSecretNeverShows() throws {
        let secret = "wJalrXUtnFEMI"
        let file = try TemporaryFile(
            "storage:\n  s3:\n    credentials: {accessKeyID: AKIA, secretAccessKey: \(secret), source: instance}\nx: 1\n"
        )
        #expect {
            try ConfigurationLoader.load(file: file.path, environment: [:])
        } throws: { error in
            !"\(error)".contains(secret) && "\(error)".contains("accessKeyID is set")
        }
        var configuration = Configuration()
        configuration.storage.s3.credentials.secretAccessKey = Secret(secret)
        configuration.storage.s3.credentials.sessionToken = Secret(secret)
        var dumped = ""
        dump(configuration, to: &dumped)
        #expect(!dumped.contains(secret) && !"\(configuration)".contains(secret))
        #expect(configuration != Configuration())
    }

    /// People paste the two keys in the wrong order.
    @Test func aKeyIsNeverQuoted() throws {
        for name in ["accessKeyID", "secretAccessKey", "sessionToken"] {
            let said = try Self.complaints("storage:\n  s3: {credentials: {\(name): 'my secret'}}\n")
            #expect(!said.isEmpty && !said.contains { $0.contains("my secret") })
            let list = try Self.complaints("storage:\n  s3: {credentials: {\(name): [mine]}}\n")
            #expect(!list.isEmpty && !list.contains { $0.contains("mine") })
        }
    }

    // MARK: -

    private static func load(_ environment: [String: String], location: String) throws -> Configuration {
        let storage = ConfigurationLoader.Override(path: ["storage", "location"], value: location, option: "--storage")
        return try ConfigurationLoader.load(file: nil, environment: environment, overrides: [storage]).configuration
    }

    /// The complaints about a file, without the places.
    private static func complaints(_ text: String) throws -> [String] {
        let file = try TemporaryFile(text)
        do {
            _ = try ConfigurationLoader.load(file: file.path, environment: [:])
            return []
        } catch let error as ConfigurationError {
            let sites = [":2: ", ":3: "].map { "\(file.path)\($0)" }
            return error.problems.map { problem in
                sites.first { problem.hasPrefix($0) }.map { String(problem.dropFirst($0.count)) } ?? problem
            }
        }
    }
}
