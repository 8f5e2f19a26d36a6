import Access
import Glibc
import OpenSSL

extension Configuration {
    /// Runs `body`, which reads the file that a setting below `access` names; its error gets the setting's place.
    func at<Value>(_ path: [String], _ body: () throws -> Value) throws(ConfigurationError) -> Value {
        do {
            return try body()
        } catch {
            throw ConfigurationError("\(places.place(["access"] + path)): \(error)")
        }
    }

    /// Reads every file of certificates, keys and accounts. Throws a `ConfigurationError` with all that is wrong; returns
    /// what will be wrong soon. Blocks.
    func checkAccessFiles() async throws(ConfigurationError) -> [String] {
        var problems: [String] = []
        func check(_ body: () throws(ConfigurationError) -> Void) {
            do throws(ConfigurationError) { try body() } catch { problems += error.problems }
        }
        var notices: [String] = []
        check { () throws(ConfigurationError) in
            notices = try tlsContext()?.problems(now: time(nil)) ?? []
        }
        let (passwords, robots, keys) = (access.htpasswd.file, access.robots.file, access.tokens.keyFile)
        if !passwords.isEmpty {
            check { () throws(ConfigurationError) in
                try at(["htpasswd", "file"]) { _ = try PasswordFile(path: passwords, work: PasswordFile.makePool()) }
            }
        }
        if !robots.isEmpty {
            check { () throws(ConfigurationError) in try at(["robots", "file"]) { _ = try RobotFile(path: robots) } }
        }
        if !keys.isEmpty {
            check { () throws(ConfigurationError) in
                try at(["tokens", "keyFile"]) { _ = try SigningKeyFile.read(keys) }
            }
        }
        for entry in access.issuers.all where entry.hasKeysFile {
            do throws(ConfigurationError) {
                try await entry.naming { () async throws(IssuerError) in
                    try await Issuer.checkKeysFile(entry.settings)
                }
            } catch {
                problems += error.problems
            }
        }
        guard problems.isEmpty else { throw ConfigurationError(problems) }
        return notices
    }
}

extension IssuerEntry {
    var hasKeysFile: Bool { !settings.keysFile.isEmpty }

    /// Runs `body`, which reads the file of keys; its error gets the place of the setting that names the file.
    func naming(_ body: () async throws(IssuerError) -> Void) async throws(ConfigurationError) {
        do throws(IssuerError) {
            try await body()
        } catch {
            throw ConfigurationError("\(keysFilePlace): access.issuers: keysFile: \(error)")
        }
    }
}
