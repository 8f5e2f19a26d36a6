import Synchronization

/// Sources in order: the first one that is set up is used from then on, whatever becomes of it.
///
/// A source that is set up and fails ends the search. Falling through to the next could sign with an identity that
/// nobody meant, as the node's instead of the pod's.
package final class CredentialsChain: CredentialsLoader {
    private let loaders: [any CredentialsLoader]
    private let chosen = Mutex<(any CredentialsLoader)?>(nil)

    /// Tries `loaders` in order.
    package init(_ loaders: [any CredentialsLoader]) {
        self.loaders = loaders
    }

    package var name: String {
        chosen.withLock { $0 }?.name ?? "the usual sources"
    }

    package func load() async throws(CredentialsError) -> Credentials {
        if let loader = chosen.withLock({ $0 }) { return try await loader.load() }
        var said: [String] = []
        for loader in loaders {
            do throws(CredentialsError) {
                let credentials = try await loader.load()
                chosen.withLock { $0 = loader }
                return credentials
            } catch {
                said.append(error.description)
                if error.kind == .failed { break }
            }
        }
        throw failed("no credentials found: \(said.joined(separator: "; "))")
    }
}
