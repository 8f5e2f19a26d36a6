// swift-tools-version:6.2
import PackageDescription

// CI sets STOWAGE_STRICT: warnings are errors there, and not for whoever builds with a newer compiler.
let isStrict = Context.environment["STOWAGE_STRICT"] != nil

let settings: [SwiftSetting] =
    [
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
    ] + (isStrict ? [.treatAllWarnings(as: .error)] : [])

let package = Package(
    name: "stowage",
    products: [
        .executable(name: "stowage", targets: ["stowage"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    ],
    targets: [
        // Floor 0. The Linux calls Swift's Glibc module cannot name: epoll, timerfd, sendfile, accept4, xattr, mallopt.
        .target(name: "CPosix"),
        // Floor 0. The headers of libssl and libcrypto, found by pkg-config.
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        // Floor 0. The system's crypt(3), for bcrypt.
        .systemLibrary(name: "CCrypt", providers: [.apt(["libcrypt-dev"])]),
        // Floor 0. libcurl's headers, and functions with fixed types for the ones of it that take any.
        .target(name: "CCurl", linkerSettings: [.linkedLibrary("curl")]),
        // Floor 0. Event loops on Dispatch and epoll, owned descriptors, buffers, timers, bounded memories, and the
        // pool for blocking work.
        .target(name: "EventLoop", dependencies: ["CPosix"], swiftSettings: settings),
        // Floor 0. The Swift face of libcrypto and libssl: SHA-256, SHA-512, MD5, HMAC, random bytes, base64url, TLS.
        .target(name: "OpenSSL", dependencies: ["COpenSSL"], swiftSettings: settings),
        // Floor 0. The Swift face of libcurl: an HTTP/1.1 client in the event loops. Knows neither S3 nor registries.
        .target(name: "HTTPClient", dependencies: ["EventLoop", "CCurl"], swiftSettings: settings),

        // Floor 1. The vocabulary of the OCI specifications: values that exist only if they are valid.
        .target(name: "OCI", swiftSettings: settings),
        // Floor 1. A strict, bounded HTTP/1.1 server engine that knows nothing of registries.
        .target(name: "HTTPServer", dependencies: ["EventLoop", "OpenSSL"], swiftSettings: settings),
        // Floor 1. An S3 client: requests, signatures, credentials, retries. Knows no registry.
        .target(name: "S3", dependencies: ["HTTPClient", "EventLoop", "OpenSSL"], swiftSettings: settings),

        // Floor 2. The object verbs every backend offers, and the directory, S3 and memory backends.
        .target(
            name: "ObjectStorage", dependencies: ["S3", "HTTPClient", "EventLoop", "OpenSSL", "CPosix"],
            swiftSettings: settings),

        // Floor 3. Repositories: blobs, manifests, tags, referrers, uploads. Knows no HTTP.
        .target(
            name: "Registry",
            dependencies: ["OCI", "ObjectStorage", "OpenSSL", "EventLoop"],
            swiftSettings: settings),

        // Floor 3. Who callers are and what they may do: credentials, tokens, policies, limits. Knows no HTTP.
        .target(
            name: "Access",
            dependencies: [
                "OCI", "OpenSSL", "EventLoop", "HTTPClient", "CCrypt", .product(name: "JWTKit", package: "jwt-kit"),
            ],
            swiftSettings: settings),

        // Floor 4. The endpoints of the Distribution specification over HTTP, and their error bodies.
        .target(
            name: "RegistryAPI",
            dependencies: ["Registry", "Access", "HTTPServer", "OCI", "ObjectStorage", "EventLoop"],
            swiftSettings: settings),

        // Beside the house: the engine with an empty handler, for Benchmarks.
        .executableTarget(
            name: "BareHello", dependencies: ["HTTPServer", "EventLoop", "OpenSSL"], path: "Benchmarks/BareHello",
            swiftSettings: settings),

        // Floor 5. The program: commands, configuration, wiring, signals, logs and metrics.
        .executableTarget(
            name: "stowage",
            dependencies: [
                "RegistryAPI", "Registry", "Access", "HTTPServer", "ObjectStorage", "OCI", "S3", "HTTPClient",
                "EventLoop", "OpenSSL", "CPosix",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: settings),
        // The contract suites of the protocols, and what the tests of several targets share.
        .target(
            name: "TestSupport",
            dependencies: [
                "ObjectStorage", "S3", "HTTPClient", "EventLoop", "HTTPServer", "Registry", "RegistryAPI", "Access",
                "OCI", "OpenSSL", "COpenSSL",
            ],
            path: "Tests/TestSupport", swiftSettings: settings),
        .testTarget(name: "EventLoopTests", dependencies: ["EventLoop", "TestSupport"], swiftSettings: settings),
        // The engine over real sockets; two of its tests run BareHello in a process of its own.
        .testTarget(
            name: "HTTPServerTests", dependencies: ["HTTPServer", "OpenSSL", "EventLoop", "TestSupport", "BareHello"],
            swiftSettings: settings),
        .testTarget(
            name: "ObjectStorageTests",
            dependencies: ["ObjectStorage", "S3", "HTTPClient", "TestSupport", "EventLoop", "OpenSSL", "CPosix"],
            swiftSettings: settings),
        .testTarget(name: "OCITests", dependencies: ["OCI", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "OpenSSLTests", dependencies: ["OpenSSL", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "HTTPClientTests", dependencies: ["HTTPClient", "EventLoop", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "S3Tests", dependencies: ["S3", "HTTPClient", "EventLoop", "OpenSSL", "HTTPServer", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "RegistryTests",
            dependencies: ["Registry", "ObjectStorage", "OCI", "OpenSSL", "EventLoop", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "AccessTests",
            dependencies: [
                "Access", "OCI", "OpenSSL", "EventLoop", "HTTPClient", "HTTPServer", "TestSupport",
                .product(name: "JWTKit", package: "jwt-kit"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "RegistryAPITests",
            dependencies: ["RegistryAPI", "Registry", "Access", "HTTPServer", "ObjectStorage", "OCI", "TestSupport"],
            swiftSettings: settings),
        // Configuration, and the built program as a process: commands, signals, logs, metrics, kills, faults, bounds.
        .testTarget(
            name: "StowageTests",
            dependencies: [
                "stowage", "TestSupport", "Registry", "Access", "ObjectStorage", "S3", "OCI", "OpenSSL", "EventLoop",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: settings),
        // The built program with real clients; runs only with STOWAGE_E2E=1 after Tests/Tools/install-clients.sh.
        .testTarget(name: "EndToEndTests", dependencies: ["TestSupport"], swiftSettings: settings),
    ]
)

// The fuzz targets want libFuzzer's main function and instrumented code: only Tests/Tools/fuzz.sh builds them.
if Context.environment["STOWAGE_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "Fuzz",
            dependencies: ["OCI", "OpenSSL", "HTTPServer", "S3", "Registry", "Access", "RegistryAPI"],
            path: "Tests/Fuzz",
            exclude: ["corpus"], swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]))
}
