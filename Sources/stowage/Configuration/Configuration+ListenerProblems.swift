import EventLoop
import OpenSSL

extension Configuration {
    /// What is wrong with where the server listens; `place` names where the value at a path came from.
    func listenerProblems(_ place: ([String]) -> String) -> [String] {
        var problems: [String] = []
        func require(_ condition: Bool, _ path: [String], _ text: String) {
            if !condition { problems.append("\(place(path)): \(text)") }
        }
        for (path, text) in [(["listen"], listen), (["tls", "listen"], tls.listen)] {
            // Either may be left out, but not both.
            if text.isEmpty, path == ["listen"] ? !tls.listen.isEmpty : true { continue }
            guard let address = SocketAddress(text) else {
                require(
                    false, path,
                    "expected ADDRESS:PORT, such as 127.0.0.1:5000 or [::]:5000 (found \(text.debugDescription))")
                continue
            }
            require(
                address.isLoopback || allowAnonymous || isControlled, path,
                "\(text) can be reached from other machines and there are no access rules; "
                    + "set up logins or rules (access), listen on 127.0.0.1, "
                    + "or let everybody in with --allow-anonymous")
        }
        let isSame = SocketAddress(listen).map { $0.port != 0 && "\($0)" == SocketAddress(tls.listen)?.description }
        require(isSame != true, ["tls", "listen"], "listen has the same address; give TLS a port of its own")
        return problems + tls.problems { place(["tls"] + $0) }
    }
}

extension Configuration.TLS {
    fileprivate func problems(_ place: ([String]) -> String) -> [String] {
        var problems: [String] = []
        func require(_ condition: Bool, _ name: String, _ text: String) {
            if !condition { problems.append("\(place([name])): \(text)") }
        }
        let files = [("certificate", certificate), ("key", key), ("clientCA", clientCA)]
        for (name, path) in files {
            require(Configuration.Storage.S3.isPath(path), name, "expected a file (found \(path.debugDescription))")
        }
        let asksForCertificates = clientCertificates != .none
        if listen.isEmpty {
            if let (name, _) = files.first(where: { !$0.1.isEmpty }) {
                require(false, name, "not used without tls.listen; set it, for example to 0.0.0.0:443")
            } else {
                require(
                    !asksForCertificates, "clientCertificates",
                    "not used without tls.listen; set it, for example to 0.0.0.0:443")
            }
            return problems
        }
        require(!certificate.isEmpty, "listen", "needs tls.certificate, a PEM file with the certificate and its chain")
        require(!key.isEmpty, "listen", "needs tls.key, a PEM file with the certificate's private key")
        require(
            !asksForCertificates || !clientCA.isEmpty, "clientCertificates",
            "needs tls.clientCA, a PEM file with the certificates that sign those of clients")
        require(
            asksForCertificates || clientCA.isEmpty, "clientCA",
            "not used with clientCertificates: none; set optional or required")
        return problems
    }
}
