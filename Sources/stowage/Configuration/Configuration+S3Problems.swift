import S3

extension Configuration.Storage.S3 {
    /// What is wrong with values that have the right form; `place` names where the value at a path came from.
    func problems(_ place: ([String]) -> String) -> [String] {
        var problems: [String] = []
        func require(_ condition: Bool, _ path: [String], _ text: String) {
            if !condition { problems.append("\(place(path)): \(text)") }
        }
        require(Self.isWord(region), ["region"], "expected a region, such as eu-central-1 (found \(quoted(region)))")
        for (name, text) in [("endpoint", endpoint), ("publicEndpoint", publicEndpoint)] where !text.isEmpty {
            require(
                S3Endpoint(text) != nil, [name],
                "expected http://HOST[:PORT] or https://HOST[:PORT], without a path (found \(quoted(text)))")
        }
        require(Self.isPath(caFile), ["caFile"], "expected a file (found \(quoted(caFile)))")
        require(
            (5 << 20...5 << 30).contains(partSize.bytes), ["partSize"], "expected 5MiB to 5GiB, as S3 has its parts")
        require((1...64).contains(partsInFlight), ["partsInFlight"], "expected 1 to 64")
        require(
            bufferSize.bytes >= 3 * partSize.bytes, ["bufferSize"],
            "expected at least three parts (partSize), so that one is filled while another is sent")
        require((1...1024).contains(connections), ["connections"], "expected 1 to 1024")
        require((1...20).contains(attempts), ["attempts"], "expected 1 to 20")
        for (name, text) in [("blobStorageClass", blobStorageClass), ("manifestStorageClass", manifestStorageClass)] {
            require(
                Self.isWord(text), [name], "expected a storage class, such as STANDARD_IA (found \(quoted(text)))")
        }
        let isKey = kmsKey.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        require(isKey, ["kmsKey"], "expected the id or ARN of a key (found \(quoted(kmsKey)))")
        require(
            !isKey || kmsKey.isEmpty || serverSideEncryption == .kms, ["kmsKey"],
            "needs serverSideEncryption: \(ServerSideEncryption.kms.rawValue)")
        return problems + timeouts.problems { place(["timeouts"] + $0) }
            + credentials.problems { place(["credentials"] + $0) }
    }

    private func quoted(_ text: String) -> String { text.debugDescription }

    /// Letters, digits, hyphens and underscores; nothing is a word, too.
    private static func isWord(_ text: String) -> Bool {
        text.utf8.count <= 128
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
    }

    /// A path, which nobody has tried.
    static func isPath(_ text: String) -> Bool {
        !text.contains("://") && !text.utf8.contains { $0 < 0x20 }
    }
}

extension Configuration.Storage.S3.Timeouts {
    /// Times no bucket is worth waiting for, or in which none can answer.
    fileprivate func problems(_ place: ([String]) -> String) -> [String] {
        let all = [("connect", connect), ("answer", answer), ("stall", stall), ("retries", retries)]
        return all.filter { !(1...3600).contains($0.1.seconds) }.map { "\(place([$0.0])): expected 1s to 1h" }
    }
}

extension Configuration.Storage.S3.Credentials {
    /// Never quotes a key: people paste the secret where the id belongs.
    fileprivate func problems(_ place: ([String]) -> String) -> [String] {
        var problems: [String] = []
        func require(_ condition: Bool, _ name: String, _ text: String) {
            if !condition { problems.append("\(place([name])): \(text)") }
        }
        let isVisible = { (text: String) in text.utf8.allSatisfy { (0x21...0x7E).contains($0) } }
        let secretIsSet = !secretAccessKey.text.isEmpty || !secretAccessKeyFile.isEmpty
        require(isVisible(accessKeyID), "accessKeyID", "expected no spaces and only ASCII")
        require(isVisible(secretAccessKey.text), "secretAccessKey", "expected no spaces and only ASCII")
        require(isVisible(sessionToken.text), "sessionToken", "expected no spaces and only ASCII")
        let file = secretAccessKeyFile
        require(Configuration.Storage.S3.isPath(file), "secretAccessKeyFile", "expected a file")
        require(
            secretAccessKey.text.isEmpty || file.isEmpty, "secretAccessKeyFile",
            "secretAccessKey is set, too; choose one of them")
        let isNamed = profile.allSatisfy { !$0.isWhitespace && $0 != "]" && $0 != "[" }
        require(isNamed, "profile", "expected the name of a profile (found \(profile.debugDescription))")
        if accessKeyID.isEmpty, secretIsSet {
            require(false, file.isEmpty ? "secretAccessKey" : "secretAccessKeyFile", "needs accessKeyID")
        }
        require(accessKeyID.isEmpty || secretIsSet, "accessKeyID", "needs secretAccessKey or secretAccessKeyFile")
        require(!accessKeyID.isEmpty || sessionToken.text.isEmpty, "sessionToken", "needs accessKeyID")
        return problems + contradictions(keysAreSet: !accessKeyID.isEmpty || secretIsSet, place)
    }

    /// Settings that the chosen source does not look at.
    private func contradictions(keysAreSet: Bool, _ place: ([String]) -> String) -> [String] {
        switch source {
        case .static where !keysAreSet: ["\(place(["source"])): needs accessKeyID and secretAccessKey"]
        case .auto, .static:
            keysAreSet && !profile.isEmpty ? ["\(place(["profile"])): not used, because accessKeyID is set"] : []
        case .profile:
            keysAreSet ? ["\(place(["source"])): accessKeyID is set, which only source: static uses"] : []
        case .environment, .webIdentity, .container, .instance:
            keysAreSet
                ? ["\(place(["source"])): accessKeyID is set, which only source: static uses"]
                : profile.isEmpty ? [] : ["\(place(["profile"])): only source: profile uses it"]
        }
    }
}
