import Glibc
import Synchronization

/// Identifiers for requests that came without one.
final class RequestIDs: Sendable {
    private let prefix = String(UInt64.random(in: .min ... .max), radix: 16)
    private let counter = Atomic<Int>(0)

    init() {}

    /// Unique among all processes, for all practical purposes.
    func next() -> String {
        prefix + "-" + String(counter.wrappingAdd(1, ordering: .relaxed).newValue, radix: 16)
    }
}

/// The rule for identifiers that clients send.
enum RequestID {
    private static let maximumLength = 128

    /// The client's identifier if it is short and visible ASCII, so that it can go into logs and responses.
    static func accept(_ value: String?) -> String? {
        guard let value, !value.isEmpty, value.utf8.count <= maximumLength else { return nil }
        return value.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x22 && $0 != 0x5c } ? value : nil
    }
}
