/// What an administrator should hear of a certificate that can be used.
extension TLSContext {
    /// Days before its end from which a certificate is a problem.
    private static let warningDays = 14
    private static let day = 86_400

    /// Sentences about what clients will not take, or soon not any more; `now` in seconds since 1970.
    package func problems(now: Int) -> [String] {
        validityProblem(now: now).map { [$0] + chainProblems } ?? chainProblems
    }

    private func validityProblem(now: Int) -> String? {
        let path = files.certificate
        if now >= expiry {
            return "\(path): the certificate expired \((now - expiry) / Self.day) days ago: replace it"
        }
        if now < beginning {
            return "\(path): the certificate is not valid for another \((beginning - now) / Self.day + 1) days:"
                + " check the clock, or wait"
        }
        let left = (expiry - now) / Self.day
        return left < Self.warningDays ? "\(path): the certificate expires in \(left) days: renew it" : nil
    }

    private var chainProblems: [String] {
        zip(chain, chain.dropFirst()).enumerated().compactMap { place, pair in
            if pair.0.isIssued(by: pair.1) { return nil }
            return "\(files.certificate): certificate \(place + 2) has not signed certificate \(place + 1):"
                + " put them in order, each followed by its issuer"
        }
    }
}
