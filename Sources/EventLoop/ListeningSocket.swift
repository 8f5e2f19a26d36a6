import CPosix
import Glibc

/// A TCP socket that accepts connections, non-blocking.
package struct ListeningSocket: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor
    /// The address it is bound to, with the port the system chose when 0 was asked for.
    package let address: SocketAddress

    package init(_ wanted: SocketAddress, backlog: CInt = 4096) throws(SystemCallError) {
        let subject = wanted.description
        let type = CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = OwnedDescriptor(
            try Posix.call("socket", subject: subject) { socket(wanted.family, type, 0) })
        let number = descriptor.number
        var on: CInt = 1
        _ = try Posix.call("setsockopt", subject: subject) {
            setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<CInt>.size))
        }
        _ = try Posix.call("bind", subject: subject) { wanted.withPointer { bind(number, $0, wanted.byteCount) } }
        _ = try Posix.call("listen", subject: subject) { listen(number, backlog) }
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        _ = try Posix.call("getsockname", subject: subject) {
            withUnsafeMutablePointer(to: &storage) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(number, $0, &length) }
            }
        }
        self.descriptor = descriptor
        address = SocketAddress(storage: storage, length: length)
    }

    package var number: CInt { descriptor.number }

    /// The next waiting connection; nil when there is none now.
    ///
    /// Throws when the process is out of descriptors or memory: try again later.
    package func accept() throws(SystemCallError) -> Socket? {
        let flags = CInt(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        while true {
            do throws(SystemCallError) {
                return Socket(OwnedDescriptor(try Posix.call("accept4") { cposix_accept4(number, flags) }))
            } catch {
                switch error.code {
                case EAGAIN: return nil
                // The connection failed before it was accepted: take the next one.
                case ECONNABORTED, EPROTO, EPERM, ENOPROTOOPT, EOPNOTSUPP: continue
                case ENETDOWN, ENETUNREACH, EHOSTDOWN, EHOSTUNREACH, ENONET: continue
                default: throw error
                }
            }
        }
    }
}
