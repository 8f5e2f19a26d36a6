import EventLoop
import Glibc

/// What the program says on standard output when it serves, for the person who started it.
struct Announcement {
    let lines: [String]

    init(_ addresses: Listeners.Addresses, _ store: String, _ configuration: Configuration) {
        let host = Self.host(addresses, configuration)
        let login = configuration.access.hasLogins ? "docker login \(host) && " : ""
        lines =
            addresses.urls.map { "stowage \(Version.current) listens on \($0)" } + [
                "storage: \(store)\(configuration.readOnly ? " (read-only)" : "")",
                "try: \(login)docker tag IMAGE \(host)/myapp:latest && docker push \(host)/myapp:latest",
            ]
    }

    /// What clients write before the name of an image.
    private static func host(_ addresses: Listeners.Addresses, _ configuration: Configuration) -> String {
        let external = configuration.access.tokens.externalURL
        if let host = external.split(separator: "/").last, !external.isEmpty { return String(host) }
        guard let address = addresses.best?.address else { return "" }
        let isEverywhere = address.host == "0.0.0.0" || address.host == "::"
        return isEverywhere ? "localhost:\(address.port)" : "\(address)"
    }

    func write() {
        for line in lines { print(line) }
        // Standard output may be a pipe that somebody waits on.
        fflush(nil)
    }
}
