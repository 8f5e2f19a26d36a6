import HTTPClient

/// Small requests to the services that hand out credentials: bounded answers, short deadlines, one more try.
struct CredentialsHTTP: Sendable {
    /// No answer may be longer, in bytes.
    private static let answerLimit = 64 << 10

    let client: HTTPClient
    /// How long one request may take, in milliseconds; a metadata service is on the same machine.
    var deadline = 2000
    /// A file of PEM certificates to trust instead of the system's.
    var caFile: String?

    /// The answer, whatever its status; asked for twice if the first time brought none, or a status of 500 or more.
    ///
    /// The error says what happened, without the request's fields or body.
    func send(
        _ url: String, method: String = "GET", fields: [(name: String, value: String)] = [], body: String? = nil
    ) async throws(Unanswered) -> HTTPResponse {
        let request = HTTPRequest(
            method: method, url: url, fields: fields, body: body.map { .bytes(Array($0.utf8)) } ?? .none,
            limits: HTTPLimits(connect: deadline, head: deadline, stall: deadline, overall: deadline), caFile: caFile)
        // Why the first try failed is what the second one tells, too.
        if let answer = try? await attempt(request), answer.status < 500 { return answer }
        return try await attempt(request)
    }

    private func attempt(_ request: HTTPRequest) async throws(Unanswered) -> HTTPResponse {
        do {
            return try await client.send(request, limit: Self.answerLimit)
        } catch {
            throw Unanswered(description: "\(Self.origin(request.url)) did not answer: \(error)")
        }
    }

    /// Scheme, host and port of a URL: the path may be as good as a secret.
    static func origin(_ url: String) -> String {
        let parts = url.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        return parts.prefix(3).joined(separator: "/")
    }

    /// A request that got no answer.
    struct Unanswered: Error, CustomStringConvertible {
        let description: String
    }
}

extension HTTPResponse {
    /// The body if it is one line of visible ASCII, without the space around it.
    var token: String? {
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x0a || $0 == 0x0d || $0 == 0x09 }
        var text = bytes.drop(while: isSpace)
        while let last = text.last, isSpace(last) { text.removeLast() }
        guard !text.isEmpty, text.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { return nil }
        return String(decoding: text, as: UTF8.self)
    }
}
