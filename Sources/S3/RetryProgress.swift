import Glibc

/// An attempt that failed, and what that means for the next one.
struct AttemptFailure: Error {
    let error: S3Error
    let isReusedConnectionFailure: Bool

    init(_ error: S3Error, isReusedConnectionFailure: Bool) {
        self.error = error
        self.isReusedConnectionFailure = isReusedConnectionFailure
    }
}

/// What the attempts of one operation have come to so far.
struct RetryProgress {
    /// How often a connection that died of age is replaced at once, without counting as an attempt.
    private static let maximumReplacements = 3

    private let maximumAttempts: Int
    private let deadline: ContinuousClock.Instant
    private var attempts = 0
    private var replacements = 0
    private var hasRefreshed = false
    /// Whether an attempt has failed.
    var hasFailed: Bool { attempts + replacements > 0 || hasRefreshed }
    /// Whether an attempt that looked failed may have been carried out.
    var mayHaveSucceeded = false

    init(settings: S3Settings) {
        maximumAttempts = settings.maximumAttempts
        deadline = .now + .milliseconds(settings.retryWindow)
    }

    /// Waits until it is time for the next attempt; throws the failure if there is to be none.
    mutating func wait(
        after failure: AttemptFailure, refused: Credentials, _ credentials: any CredentialsProvider,
        _ budget: RetryBudget
    ) async throws {
        var error = failure.error
        error.mayHaveSucceeded = mayHaveSucceeded
        if error.mayHaveBeenCarriedOut { mayHaveSucceeded = true }
        if failure.isReusedConnectionFailure, replacements < Self.maximumReplacements {
            replacements += 1
            return
        }
        if error.isAboutCredentials, !hasRefreshed {
            hasRefreshed = true
            credentials.invalidate(refused)
            return
        }
        if error.mayBeAboutCredentials, !hasRefreshed {
            hasRefreshed = true
            if await credentials.replace(refused) { return }
        }
        attempts += 1
        guard error.isRetryable, attempts < maximumAttempts else { throw error }
        var generator = SystemRandomNumberGenerator()
        // Those that were told the same time come one by one all the same.
        let backoff = Duration.milliseconds(Backoff.delay(after: attempts, using: &generator))
        let delay = .seconds(error.retryAfter ?? 0) + backoff
        guard .now + delay < deadline, budget.takeRetry() else { throw error }
        try await Task.sleep(for: delay)
    }
}
