import CCrypt
import Glibc

/// The one place that calls crypt(3), for bcrypt.
enum Bcrypt {
    /// What a setting and a hash are written with, by value from 0 to 63.
    static let alphabet = Array("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
    /// How many bytes of a password count; bcrypt does not look at more.
    static let maximumPasswordLength = 72

    /// The hash of a password without NUL under `setting`, which may be a whole hash; nil for a setting that is none.
    ///
    /// Takes tens of milliseconds: not for event loops.
    static func hash(_ password: String, setting: String) -> String? {
        // The library makes its 32 KiB of working space itself, and erases what it wrote there.
        var space: UnsafeMutableRawPointer?
        var size: CInt = 0
        defer { free(space) }
        return crypt_ra(password, setting, &space, &size).map { String(cString: $0) }
    }
}
