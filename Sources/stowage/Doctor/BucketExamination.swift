import EventLoop
import Foundation
import Glibc
import HTTPClient
import ObjectStorage
import S3

/// The way to a bucket: credentials, endpoint, clock, features, permissions, lifecycle.
struct BucketExamination: Sendable {
    /// From this difference on S3 refuses requests, in seconds.
    private static let refusedSkew = 900
    /// What a clock may differ without anybody minding, in seconds.
    private static let usualSkew = 30

    let connection: BucketConnection
    let readOnly: Bool
    private var client: S3Client { connection.client }

    init(_ connection: BucketConnection, readOnly: Bool) {
        (self.connection, self.readOnly) = (connection, readOnly)
    }

    /// Adds what it finds to `report`; false when the objects cannot be looked at.
    func run(_ report: inout DoctorReport) async -> Bool {
        guard await checkCredentials(&report) else { return false }
        await checkClock(&report)
        guard await checkAccess(&report) else { return false }
        var permissions = PermissionCheck(client)
        await permissions.run(readOnly: readOnly, &report)
        if !readOnly, permissions.areComplete {
            await checkFeatures(&report)
            await checkWriteSettings(&report)
        }
        await checkLifecycle(&report)
        return permissions.allowLooking
    }

    private func checkCredentials(_ report: inout DoctorReport) async -> Bool {
        do {
            let credentials = try await connection.credentials.credentials()
            report.add("credentials", .ok, "\(credentials), from \(connection.credentials.name)")
            return true
        } catch {
            report.add("credentials", .wrong, "\(error)")
            return false
        }
    }

    // MARK: Reaching it

    /// Asks the endpoint itself, without a signature: that works with any clock.
    private func checkClock(_ report: inout DoctorReport) async {
        let settings = client.settings
        let request = HTTPRequest(
            url: "\(settings.effectiveEndpoint)/", limits: settings.limits, caFile: settings.caFile)
        do {
            let answer = try await connection.http.send(request, limit: 64 << 10)
            guard let theirs = answer.fields["date"].flatMap(Self.seconds) else {
                return report.add("clock", .ok, "the bucket's server does not say what time it is")
            }
            let finding = Self.clock(skew: time(nil) - theirs)
            report.add("clock", finding.status, finding.text)
        } catch {
            // The next check says what is wrong with the endpoint.
        }
    }

    /// What `skew`, the seconds this machine is ahead, means.
    static func clock(skew: Int) -> (status: DoctorReport.Status, text: String) {
        let text = "this machine's clock is \(abs(skew)) s \(skew < 0 ? "behind" : "ahead of") the bucket's"
        if abs(skew) < refusedSkew { return (abs(skew) > usualSkew ? .advice : .ok, text) }
        return (.wrong, "\(text), and requests are refused from 15 minutes on: set it right")
    }

    /// Seconds since 1970 of a date as HTTP writes it.
    static func seconds(_ text: String) -> Int? {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(secondsFromGMT: 0)
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
        return format.date(from: text).map { Int($0.timeIntervalSince1970) }
    }

    /// Whether requests are answered at all; permissions come later.
    private func checkAccess(_ report: inout DoctorReport) async -> Bool {
        let begun = ContinuousClock.now
        do {
            _ = try await client.listObjects(prefix: "registry/_probe/", maxKeys: 1)
        } catch let error as S3Error where error.code == "AccessDenied" {
            // The list of permissions will say so.
        } catch {
            report.add("access", .wrong, "the bucket cannot be used: \(error)")
            return false
        }
        let milliseconds = (ContinuousClock.now - begun) / .milliseconds(1)
        let endpoint = client.settings.effectiveEndpoint
        report.add("access", .ok, "\(endpoint), region \(client.settings.region), answers in \(Int(milliseconds)) ms")
        return true
    }

    // MARK: The bucket

    private func checkFeatures(_ report: inout DoctorReport) async {
        do {
            let found = try await connection.store.probeCapabilities(readOnly: false)
            let lost = found.losses
            let isUnusable = found[.listOrder].consequence != nil
            report.add(
                "features", isUnusable ? .wrong : lost.isEmpty ? .ok : .advice,
                lost.isEmpty ? "the bucket can do everything Stowage makes use of" : "the bucket lacks \(lost.count)",
                lost)
        } catch {
            report.add("features", .wrong, "they cannot be tried: \(OpenedStore.reason(error))")
        }
    }

    private func checkWriteSettings(_ report: inout DoctorReport) async {
        do {
            try await WriteSettingsCheck(connection: connection).run()
        } catch let error as ConfigurationError {
            report.add("settings", .wrong, "\(error)")
        } catch {
            report.add("settings", .wrong, "they cannot be tried: \(error)")
        }
    }

    private func checkLifecycle(_ report: inout DoctorReport) async {
        let rule = LifecycleRule(bucket: client.settings.bucket, prefix: client.settings.prefix)
        do {
            if LifecycleRule.endsUploads(try await client.getBucketLifecycle() ?? "", prefix: client.settings.prefix) {
                report.add("lifecycle", .ok, "a rule of the bucket ends unfinished multipart uploads")
                return
            }
            report.add(
                "lifecycle", .advice, "no rule ends unfinished multipart uploads, which cost money; apply:", rule.advice
            )
        } catch let error as S3Error where error.code == "AccessDenied" {
            report.add("lifecycle", .advice, "it cannot be read; allow s3:GetLifecycleConfiguration to have it checked")
        } catch let error as S3Error where error.isNotImplemented || error.status == 405 || error.status == 400 {
            report.add("lifecycle", .ok, "not supported by this server")
        } catch {
            report.add("lifecycle", .advice, "it cannot be read: \(error)")
        }
    }
}

/// The rule that ends multipart uploads nobody finished.
struct LifecycleRule {
    let bucket: String
    let prefix: String

    /// The configuration, and the command that applies it. Applying replaces all rules of the bucket.
    var advice: [String] {
        let json = """
            {"Rules":[{"ID":"stowage-unfinished-uploads","Status":"Enabled","Filter":{"Prefix":"\(prefix)"},\
            "AbortIncompleteMultipartUpload":{"DaysAfterInitiation":2}}]}
            """
        return [
            "aws s3api put-bucket-lifecycle-configuration --bucket \(bucket) --lifecycle-configuration '\(json)'",
            "that command replaces all rules of the bucket: add the rule to those that are there",
        ]
    }

    /// Whether a configuration, as XML, has a rule that is switched on and covers every key below `prefix`.
    static func endsUploads(_ configuration: String, prefix: String) -> Bool {
        configuration.components(separatedBy: "<Rule>").dropFirst().contains { rule in
            let text = rule.filter { !$0.isWhitespace }
            guard text.contains("<AbortIncompleteMultipartUpload>"), text.contains("<Status>Enabled</Status>"),
                !text.contains("<Tag>")
            else { return false }
            let prefixes = text.components(separatedBy: "<Prefix>").dropFirst().map { $0.prefix { $0 != "<" } }
            return prefixes.allSatisfy { prefix.hasPrefix($0) }
        }
    }
}
