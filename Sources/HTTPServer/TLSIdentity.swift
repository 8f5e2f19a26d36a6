package import OpenSSL
import Synchronization

/// The certificate a TLS listener shows, which may be replaced while it runs: new connections get the new one.
package final class TLSIdentity: Sendable {
    private let current: Mutex<TLSContext>

    package init(_ context: TLSContext) { current = Mutex(context) }

    package var context: TLSContext {
        get { current.withLock { $0 } }
        set { current.withLock { $0 = newValue } }
    }
}
