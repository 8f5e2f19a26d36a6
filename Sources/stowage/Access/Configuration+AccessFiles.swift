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
        problems += await issuerFileProblems
        guard problems.isEmpty else { throw ConfigurationError(problems) }
        return notices
    }

    /// What is wrong with the files of issuers. Reads them: not for event loops.
    var issuerFileProblems: [String] {
        get async {
            var problems: [String] = []
            for entry in access.issuers.all {
                problems += await Issuer.fileProblems(entry.settings).map { entry.complaint($0, "\($1)") }
            }
            return problems
        }
    }
}
