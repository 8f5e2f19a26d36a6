import Glibc
import HTTPClient

extension S3Client {
    /// What a person can do about an error.
    func advice(_ response: HTTPResponse, _ document: S3ErrorDocument, _ code: String) -> String? {
        switch code {
        case "RequestTimeTooSkewed", "RequestExpired":
            return skew(response).map { "the clock of this machine is \($0)" } ?? "check the clock of this machine"
        case "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed",
            "IllegalLocationConstraintException":
            return otherPlace(response, document)
        case "InvalidAccessKeyId", "InvalidToken":
            return "the service does not know the access key from \(credentials.name)"
        case "ExpiredToken": return "the credentials from \(credentials.name) have expired"
        case "SignatureDoesNotMatch":
            return "the secret key from \(credentials.name) is wrong, or a proxy changed the request"
        case "AccessDenied":
            return staleClock(response, document) ?? "the credentials from \(credentials.name) lack the permission"
        case "NoSuchBucket":
            return "create the bucket, or correct its name or the endpoint \(settings.effectiveEndpoint)"
        default: return staleClock(response, document)
        }
    }

    /// Where the bucket is, if the service says so.
    private func otherPlace(_ response: HTTPResponse, _ document: S3ErrorDocument) -> String? {
        let region = document.region ?? response.fields["x-amz-bucket-region"]
        if let region, region != settings.region {
            return "the bucket is in region \(region), not \(settings.region): set the region to \(region)"
        }
        return document.endpoint.map { "the bucket has to be reached at \($0): set the endpoint" }
    }

    /// For a refusal without a reason, as HEAD has it: whether a clock that is wrong may be the reason.
    private func staleClock(_ response: HTTPResponse, _ document: S3ErrorDocument) -> String? {
        guard document.code == nil, [400, 403].contains(response.status), let text = response.fields["date"],
            let theirs = HTTPTime.seconds(text), abs(time(nil) - theirs) > Self.toleratedSkew
        else { return nil }
        return skew(response).map { "the clock of this machine is \($0)" }
    }

    /// Services take requests of up to 15 minutes ago.
    private static var toleratedSkew: Int { 600 }

    /// How far this machine's clock is from the service's, as `3600 s ahead of the service's`.
    private func skew(_ response: HTTPResponse) -> String? {
        guard let theirs = response.fields["date"].flatMap(HTTPTime.seconds) else { return nil }
        let seconds = time(nil) - theirs
        return "\(abs(seconds)) s \(seconds < 0 ? "behind" : "ahead of") the service's"
    }
}
