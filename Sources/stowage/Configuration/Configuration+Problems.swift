extension Configuration {
    /// What is wrong with values that have the right form; `place` names where the value at a path came from.
    func problems(_ place: ([String]) -> String) -> [String] {
        var problems: [String] = []
        func require(_ condition: Bool, _ path: [String], _ text: String) {
            if !condition { problems.append("\(place(path)): \(text)") }
        }
        do throws(StorageLocation.Problem) {
            _ = try StorageLocation(storage.location)
        } catch {
            require(false, ["storage", "location"], error.description)
        }
        require((0...256).contains(http.eventLoops), ["http", "eventLoops"], "expected 0 to 256")
        require(
            (1...1_000_000).contains(http.maximumConnections), ["http", "maximumConnections"],
            "expected 1 to 1000000")
        require(
            (4 << 10...128 << 10).contains(http.maximumHeadSize.bytes), ["http", "maximumHeadSize"],
            "expected 4KiB to 128KiB")
        require(
            http.maximumBodySize.bytes >= 4 << 20, ["http", "maximumBodySize"],
            "expected at least 4MiB, the size of a manifest")
        require(
            http.maximumBufferedSize.bytes >= 16 << 20, ["http", "maximumBufferedSize"],
            "expected at least 16MiB, which a few large manifests need")
        require(uploads.maximumAge.seconds >= 60, ["uploads", "maximumAge"], "expected at least 1m")
        require(
            Storage.S3.isPath(pull.cache.directory), ["pull", "cache", "directory"],
            "expected a directory (found \(pull.cache.directory.debugDescription))")
        require(
            pull.cache.directory.isEmpty || StorageLocation.isBucket(storage.location), ["pull", "cache", "directory"],
            "only for a bucket, and storage.location is a directory")
        require(pull.cache.size.bytes >= 64 << 20, ["pull", "cache", "size"], "expected at least 64MiB")
        let timeouts = [
            ("headTimeout", http.headTimeout), ("idleTimeout", http.idleTimeout), ("stallTimeout", http.stallTimeout),
        ]
        for (name, value) in timeouts {
            require((1...86_400).contains(value.seconds), ["http", name], "expected 1s to 1d")
        }
        require((0...86_400).contains(http.drainTimeout.seconds), ["http", "drainTimeout"], "expected 0s to 1d")
        require((60...31_536_000).contains(stats.interval.seconds), ["stats", "interval"], "expected 1m to 365d")
        for (name, price) in stats.prices.all {
            require(
                (0...1_000_000).contains(price), ["stats", "prices", name],
                "expected dollars for a GiB and month, such as 0.023")
        }
        return listenerProblems(place) + problems + accessProblems(place)
            + storage.s3.problems { place(["storage", "s3"] + $0) }
    }
}
