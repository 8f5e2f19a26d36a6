/// The profiles in the configuration and credentials files that AWS's tools share.
package struct SharedConfiguration: Sendable {
    /// Why the files could not be read, for a person to read; never with text of the files.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    /// No file is larger, in bytes.
    private static let fileLimit = 1 << 20

    /// Settings in lower case by profile. Those of the credentials file win.
    let profiles: [String: [String: String]]
    /// The files that were looked for, for messages.
    let paths: [String]

    /// Reads `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE`, or else `config` and `credentials` in `~/.aws`; an
    /// absent file has no profiles. Blocks: not for event loops.
    package init(environment: [String: String]) throws(Failure) {
        var profiles: [String: [String: String]] = [:]
        var paths: [String] = []
        let files = [
            ("AWS_CONFIG_FILE", "config", "profile "), ("AWS_SHARED_CREDENTIALS_FILE", "credentials", ""),
        ]
        for (variable, name, prefix) in files {
            guard let path = Self.path(variable, name, environment) else { continue }
            paths.append(path)
            for (profile, settings) in try Self.read(path, sectionPrefix: prefix) {
                profiles[profile, default: [:]].merge(settings) { $1 }
            }
        }
        self.profiles = profiles
        self.paths = paths
    }

    /// The profile to use where none is named: that of `AWS_PROFILE`, or `default`.
    package static func usualProfile(_ environment: [String: String]) -> String {
        environment.nonEmpty("AWS_PROFILE") ?? "default"
    }

    /// The region of a profile; nil when it has none.
    package func region(ofProfile name: String) -> String? {
        profiles[name]?.nonEmpty("region")
    }

    /// The region the surroundings name: `AWS_REGION`, `AWS_DEFAULT_REGION`, or that of the profile; nil for none.
    package static func region(environment: [String: String], profile: String?) throws(Failure) -> String? {
        if let region = environment.nonEmpty("AWS_REGION") ?? environment.nonEmpty("AWS_DEFAULT_REGION") {
            return region
        }
        let shared = try SharedConfiguration(environment: environment)
        return shared.region(ofProfile: profile ?? usualProfile(environment))
    }

    /// Where a file is; nil when that depends on a home directory and there is none.
    private static func path(_ variable: String, _ name: String, _ environment: [String: String]) -> String? {
        let path = environment.nonEmpty(variable) ?? "~/.aws/\(name)"
        guard path.hasPrefix("~/") else { return path }
        return environment.nonEmpty("HOME").map { $0 + path.dropFirst() }
    }

    private static func read(
        _ path: String, sectionPrefix: String
    ) throws(Failure) -> [String: [String: String]] {
        let text: String
        do throws(SmallFile.Failure) {
            text = try SmallFile.read(path, limit: fileLimit)
        } catch {
            if error.isAbsent { return [:] }
            throw Failure(description: error.description)
        }
        do throws(ProfileFile.SyntaxError) {
            return try ProfileFile.profiles(in: text, sectionPrefix: sectionPrefix)
        } catch {
            throw Failure(
                description: "\(path), line \(error.line): neither a section, a setting nor a comment")
        }
    }
}
