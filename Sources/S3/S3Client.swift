import Glibc
package import HTTPClient
import OpenSSL

/// The operations of the S3 API that a registry needs, on one bucket, signed and retried.
///
/// Every operation throws `S3Error`; `CredentialsError` when there is nothing to sign with; `CancellationError`.
package final class S3Client: Sendable {
    package let settings: S3Settings
    /// Told of each attempt when it is over.
    package typealias Observer = @Sendable (S3Attempt) -> Void

    let credentials: any CredentialsProvider
    let signer: SigV4Signer
    private let http: HTTPClient
    private let observer: Observer?
    private let budget = RetryBudget()
    /// Scheme and authority of every URL, the Host field, and the path before every key.
    private let address: S3Address

    package init(
        settings: S3Settings, credentials: any CredentialsProvider, http: HTTPClient, observer: Observer? = nil
    ) {
        self.settings = settings
        self.credentials = credentials
        self.http = http
        self.observer = observer
        signer = SigV4Signer(region: settings.region)
        address = S3Address(settings.effectiveEndpoint, settings)
    }

    // MARK: Sending

    /// Runs an operation whose answer fits in memory.
    func perform(_ call: S3Call) async throws -> HTTPResponse {
        switch try await run(call, isDownload: false) {
        case .whole(let response): return response
        case .download(let download):
            return HTTPResponse(status: download.status, fields: download.fields, bytes: [])
        }
    }

    /// Runs an operation and reads its answer.
    func perform<Value>(_ call: S3Call, reading: ([UInt8]) throws(XMLError) -> Value) async throws -> Value {
        let response = try await perform(call)
        do throws(XMLError) {
            return try reading(response.bytes)
        } catch {
            throw failure(call, response.status, "MalformedAnswer", "the answer cannot be read: \(error)")
        }
    }

    /// Runs an operation whose answer is read as it comes; nil for an accepted answer that is no success.
    func open(_ call: S3Call) async throws -> HTTPDownload? {
        guard case .download(let download) = try await run(call, isDownload: true) else { return nil }
        return download
    }

    private enum Answer {
        case whole(HTTPResponse)
        case download(HTTPDownload)

        var status: Int {
            switch self {
            case .whole(let response): response.status
            case .download(let download): download.status
            }
        }

        /// In bytes; those of a download as they were announced.
        var length: Int {
            switch self {
            case .whole(let response): response.bytes.count
            case .download(let download): download.contentLength ?? 0
            }
        }

        var isResent: Bool {
            if case .whole(let response) = self { response.isResent } else { false }
        }
    }

    /// The longest error document that is read, in bytes.
    private static let errorDocumentLimit = 64 << 10

    /// Repeats attempts as far as it makes sense.
    private func run(_ call: S3Call, isDownload: Bool) async throws -> Answer {
        var call = call
        if call.sha256 == nil, call.body.count > 0, !settings.effectiveEndpoint.keepsBytesIntact {
            call.sha256 = await call.body.sha256()
        }
        var progress = RetryProgress(settings: settings)
        while true {
            let signed = try await credentials.credentials()
            do {
                let answer = try await attempt(call, signed, isDownload: isDownload, &progress)
                budget.giveBack()
                return answer
            } catch let failure as AttemptFailure {
                try await progress.wait(after: failure, refused: signed, credentials, budget)
            }
        }
    }

    private func attempt(
        _ call: S3Call, _ signed: Credentials, isDownload: Bool, _ progress: inout RetryProgress
    ) async throws -> Answer {
        let request = request(call, signed)
        let begun = Self.milliseconds
        do {
            let answer = try await exchange(request, limit: call.limit, isDownload: isDownload)
            if answer.isResent { progress.mayHaveSucceeded = true }
            report(call, progress, since: begun, answer)
            if case .whole(let response) = answer, let error = error(in: response, of: call) {
                throw AttemptFailure(error, isReusedConnectionFailure: false)
            }
            return answer
        } catch let failure as HTTPTransportError {
            report(call, progress, since: begun, nil, failure: failure.description)
            throw AttemptFailure(error(failure, of: call), isReusedConnectionFailure: failure.isReusedConnectionFailure)
        }
    }

    /// Of a download the head, if it is a success; else the whole answer.
    private func exchange(_ request: HTTPRequest, limit: Int, isDownload: Bool) async throws -> Answer {
        guard isDownload else { return .whole(try await http.send(request, limit: limit)) }
        let download = try await http.open(request)
        if (200..<300).contains(download.status) { return .download(download) }
        let bytes = try await download.bytes(limit: Self.errorDocumentLimit)
        return .whole(HTTPResponse(status: download.status, fields: download.fields, bytes: bytes))
    }

    private func report(
        _ call: S3Call, _ progress: RetryProgress, since begun: Int, _ answer: Answer?, failure: String? = nil
    ) {
        guard let observer else { return }
        observer(
            S3Attempt(
                operation: call.operation, key: call.key, status: answer?.status ?? 0, failure: failure,
                milliseconds: Self.milliseconds - begun, isRepeated: progress.hasFailed, bytesSent: call.body.count,
                bytesReceived: answer?.length ?? 0))
    }

    private func request(_ call: S3Call, _ signed: Credentials) -> HTTPRequest {
        let path = address.path(of: call.key.map { settings.prefix + $0 })
        let hash: String
        if let sha256 = call.sha256 {
            hash = Hexadecimal.string(sha256)
        } else {
            hash = call.body.count == 0 ? SigV4Signer.emptyPayloadHash : SigV4Signer.unsignedPayload
        }
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let added = signer.signedFields(
            method: call.method, host: address.host, path: path, query: call.query, fields: call.fields,
            payloadHash: hash, credentials: signed, date: time.tv_sec)
        var url = address.origin + path
        if !call.query.isEmpty { url += "?" + URIEncoding.query(call.query) }
        return HTTPRequest(
            method: call.method, url: url, fields: call.fields + added, body: call.body,
            limits: call.limits(settings.limits),
            caFile: settings.caFile)
    }

    private static var milliseconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }
}
