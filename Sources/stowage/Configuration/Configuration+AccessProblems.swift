import S3

extension Configuration {
    /// What is wrong with logins, rules and limits; `place` names where the value at a path came from.
    func accessProblems(_ place: ([String]) -> String) -> [String] {
        var problems: [String] = []
        func require(_ condition: Bool, _ path: [String], _ text: String) {
            if !condition { problems.append("\(place(path)): \(text)") }
        }
        let files = [
            (["access", "htpasswd", "file"], access.htpasswd.file), (["access", "robots", "file"], access.robots.file),
            (["access", "tokens", "keyFile"], access.tokens.keyFile), (["audit", "file"], audit.file),
        ]
        for (path, file) in files {
            require(Storage.S3.isPath(file), path, "expected a file (found \(file.debugDescription))")
        }
        require(
            !allowAnonymous || !isControlled, ["allowAnonymous"],
            "access has logins or rules, which say who gets in; leave this out, "
                + "and let anonymous callers in by a rule")
        let numbers = [
            ("requestsPerSecond", limits.requestsPerSecond), ("burst", limits.burst),
            ("concurrentUploads", limits.concurrentUploads),
        ]
        for (name, number) in numbers {
            require((0...1_000_000).contains(number), ["limits", name], "expected 1 to 1000000, or 0 for no limit")
        }
        require(
            limits.burst == 0 || limits.requestsPerSecond > 0, ["limits", "burst"],
            "not used without limits.requestsPerSecond")
        let rates = [
            ("receivedBytesPerSecond", limits.receivedBytesPerSecond),
            ("sentBytesPerSecond", limits.sentBytesPerSecond),
        ]
        for (name, rate) in rates {
            require(
                rate.bytes == 0 || rate.bytes >= 64 << 10, ["limits", name],
                "expected at least 64KiB, or 0 for no limit")
        }
        let used = numbers.first { $0.1 != 0 }?.0 ?? rates.first { $0.1.bytes != 0 }?.0
        if let used, !isControlled, problems.isEmpty {
            require(
                false, ["limits", used],
                "not used without logins and rules (access), where nobody knows callers apart; set some up")
        }
        return problems + access.tokens.problems { place(["access", "tokens"] + $0) } + entryProblems
    }

    /// What is wrong between the entries of lists and groups.
    private var entryProblems: [String] {
        var problems: [String] = []
        var names: Set<String> = []
        for issuer in access.issuers.all where !names.insert(issuer.name).inserted {
            problems.append(
                "\(issuer.place): access.issuers: \(issuer.name.onOneLine) is the name of two issuers; "
                    + "give each its own")
        }
        var authorities: [String: String] = [:]
        for issuer in access.issuers.all {
            if let other = authorities[issuer.issuer] {
                problems.append(
                    issuer.complaint(
                        "issuer",
                        "that of \(other.onOneLine) is the same, so that tokens of the two cannot be told apart; "
                            + "make one entry of them"))
            }
            authorities[issuer.issuer] = issuer.name
        }
        do throws(ConfigurationError) {
            _ = try policy()
        } catch {
            problems += error.problems
        }
        return problems
    }
}

extension Configuration.Access.Tokens {
    fileprivate func problems(_ place: ([String]) -> String) -> [String] {
        var problems: [String] = []
        func require(_ condition: Bool, _ name: String, _ text: String) {
            if !condition { problems.append("\(place([name])): \(text)") }
        }
        require((60...86_400).contains(lifetime.seconds), "lifetime", "expected 1m to 1d")
        require((60...31_536_000).contains(refreshLifetime.seconds), "refreshLifetime", "expected 1m to 365d")
        // It stands between quotes in WWW-Authenticate.
        let isPlain = service.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != 0x22 && $0 != 0x5c }
        require(
            isPlain && service.utf8.count <= 255, "service",
            "expected a name without spaces and quotes, such as registry.example.com (found \(service.debugDescription))"
        )
        require(
            externalURL.isEmpty || Self.isOrigin(externalURL), "externalURL",
            "expected http://HOST[:PORT] or https://HOST[:PORT], without a path (found \(externalURL.debugDescription))"
        )
        return problems
    }

    private static func isOrigin(_ text: String) -> Bool {
        S3Endpoint(text) != nil
    }
}
