import EventLoop

extension Configuration {
    /// What is wrong with values that have the right form; `place` names where the value at a path came from.
    func problems(_ place: ([String]) -> String) -> [String] {
        var problems: [String] = []
        func require(_ condition: Bool, _ path: [String], _ text: String) {
            if !condition { problems.append("\(place(path)): \(text)") }
        }
        if let address = SocketAddress(listen) {
            require(
                address.isLoopback || allowAnonymous, ["listen"],
                "\(listen) can be reached from other machines and there are no access rules; "
                    + "listen on 127.0.0.1, or let everybody in with --allow-anonymous")
        } else {
            require(
                false, ["listen"],
                "expected ADDRESS:PORT, such as 127.0.0.1:5000 or [::]:5000 (found \(listen.debugDescription))")
        }
        require(!storage.location.isEmpty, ["storage", "location"], "expected a directory")
        require(
            !storage.location.contains("://"), ["storage", "location"],
            "expected a directory (found \(storage.location.debugDescription))")
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
        let timeouts = [
            ("headTimeout", http.headTimeout), ("idleTimeout", http.idleTimeout), ("stallTimeout", http.stallTimeout),
        ]
        for (name, value) in timeouts {
            require((1...86_400).contains(value.seconds), ["http", name], "expected 1s to 1d")
        }
        require((0...86_400).contains(http.drainTimeout.seconds), ["http", "drainTimeout"], "expected 0s to 1d")
        return problems
    }
}
