import HTTPServer
import OpenSSL
import TestSupport
import Testing

/// What carries HTTP between an engine and its clients.
enum Transport: String, CaseIterable, Sendable {
    case plain, tls

    /// What `withEngine` uses.
    @TaskLocal static var current = Transport.plain
}

/// Runs every test of a suite once plain and once over TLS: the bytes must mean the same.
struct OverBothTransports: SuiteTrait, TestTrait, TestScoping {
    var isRecursive: Bool { true }

    /// Only around test cases, not around the suite that has them.
    func scopeProvider(for test: Test, testCase: Test.Case?) -> Self? { testCase == nil ? nil : self }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        for transport in Transport.allCases {
            try await Transport.$current.withValue(transport) { try await function() }
        }
    }
}

extension Trait where Self == OverBothTransports {
    static var overBothTransports: Self { Self() }
}

/// The certificate of all engines that speak TLS, made once.
actor EngineCertificate {
    static let shared = EngineCertificate()

    private var making: Task<(CertificateAuthority, CertificatePair), any Error>?

    /// The authority that clients trust, and the pair that it signed.
    func pair() async throws -> (authority: CertificateAuthority, pair: CertificatePair) {
        let task =
            making
            ?? Task {
                let authority = try await CertificateAuthority()
                return (authority, try await authority.issue("server"))
            }
        making = task
        return try await task.value
    }
}
