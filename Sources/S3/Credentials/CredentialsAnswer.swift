/// The JSON object with which the container and instance metadata services answer.
struct CredentialsAnswer {
    /// Why an answer holds no credentials; without the answer itself, which may hold a secret.
    struct Failure: Error {
        let reason: String
    }

    let credentials: Credentials

    /// Reads the body of an answer with status 200.
    init(_ body: [UInt8]) throws(Failure) {
        let members = try Self.members(body)
        if let code = members["Code"], code != "Success" {
            throw Failure(reason: "it answered \(Self.excerpt(code))\(Self.message(members))")
        }
        guard let key = members.nonEmpty("AccessKeyId"), let secret = members.nonEmpty("SecretAccessKey"),
            let token = members.nonEmpty("Token"), let end = members.nonEmpty("Expiration")
        else {
            throw Failure(reason: "its answer lacks AccessKeyId, SecretAccessKey, Token or Expiration")
        }
        guard let expiration = UTCTime(iso8601: end) else {
            throw Failure(reason: "the Expiration in its answer is not a date")
        }
        credentials = Credentials(
            accessKeyID: key, secretAccessKey: secret, sessionToken: token, expiration: expiration.seconds)
    }

    /// What the body of another status says, as ` (code: message)`, or nothing.
    static func complaint(_ body: [UInt8]) -> String {
        // The body of an error is whatever the service likes.
        guard let members = try? members(body) else { return "" }
        guard let code = members["code"] ?? members["Code"] else { return message(members) }
        return " (\(excerpt(code))\(message(members)))"
    }

    private static func members(_ body: [UInt8]) throws(Failure) -> [String: String] {
        do throws(FlatJSON.SyntaxError) {
            return try FlatJSON.strings(in: body)
        } catch {
            throw Failure(reason: "its answer is not a JSON object of texts")
        }
    }

    private static func message(_ members: [String: String]) -> String {
        (members["message"] ?? members["Message"]).map { ": \(excerpt($0))" } ?? ""
    }

    /// The beginning of a text that a service sent, on one line.
    static func excerpt(_ text: String) -> String {
        let limit = 300
        let printable = text.unicodeScalars.prefix(limit).map { $0.properties.isWhitespace ? " " : $0 }
            .filter { $0.value >= 0x20 && $0.value != 0x7f }
        return String(String.UnicodeScalarView(printable)) + (text.unicodeScalars.count > limit ? "..." : "")
    }
}
