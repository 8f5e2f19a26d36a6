import Glibc

/// A system call that failed: which one, on what, and the C error number.
package struct SystemCallError: Error, CustomStringConvertible, Sendable {
    package let call: StaticString
    package let code: CInt
    /// The path or address the call was about, for a person to read.
    package let subject: String?

    package init(_ call: StaticString, code: CInt = errno, subject: String? = nil) {
        self.call = call
        self.code = code
        self.subject = subject
    }

    package var description: String {
        let reason = String(cString: strerror(code))
        guard let subject else { return "\(call): \(reason)" }
        return "\(subject): \(reason) (\(call))"
    }
}

/// The one place that makes system calls and retries them when a signal interrupts.
package enum Posix {
    /// Runs `body` until it is not interrupted; a result of -1 becomes an error.
    @inline(__always)
    package static func call<Result: SignedInteger>(
        _ name: StaticString, subject: @autoclosure () -> String? = nil, _ body: () -> Result
    ) throws(SystemCallError) -> Result {
        while true {
            let result = body()
            if result != -1 { return result }
            let code = errno
            if code == EINTR { continue }
            throw SystemCallError(name, code: code, subject: subject())
        }
    }
}
