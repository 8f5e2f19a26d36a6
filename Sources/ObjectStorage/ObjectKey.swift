import Glibc

/// The name of an object: components separated by `/`, none of them empty, `.` or `..`, and no NUL byte.
///
/// `StorageLayout` spells them; stores check them (see `flaw`).
package struct ObjectKey: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let string: String

    package init(_ string: String) {
        self.string = string
    }

    package var description: String { string }

    /// Byte equality: unlike `String`, neither S3 nor a file system takes canonically equivalent Unicode for the same.
    package static func == (one: ObjectKey, other: ObjectKey) -> Bool {
        let (left, right) = (one.string.utf8.span, other.string.utf8.span)
        guard left.count == right.count else { return false }
        return left.withUnsafeBufferPointer { left in
            right.withUnsafeBufferPointer { right in
                left.isEmpty || memcmp(left.baseAddress!, right.baseAddress!, left.count) == 0
            }
        }
    }

    /// Hashes the bytes, as equality compares them.
    package func hash(into hasher: inout Hasher) {
        string.utf8.span.withUnsafeBufferPointer { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }

    /// Byte order, the order of listings.
    package static func < (one: ObjectKey, other: ObjectKey) -> Bool {
        one.string.utf8.lexicographicallyPrecedes(other.string.utf8)
    }

    /// Why this is not the name of an object; nil when it is one.
    package var flaw: String? {
        let bytes = string.utf8.span
        var start = 0
        for index in 0...bytes.count {
            guard index == bytes.count || bytes[index] == UInt8(ascii: "/") else {
                if bytes[index] == 0 { return "a key has no NUL byte" }
                continue
            }
            let isDots = (start..<index).allSatisfy { bytes[$0] == UInt8(ascii: ".") }
            if isDots && index - start <= 2 { return "a key has no component that is empty, '.' or '..'" }
            start = index + 1
        }
        return nil
    }
}
