import EventLoop
import Glibc

// The file system as other programs see and change it.

/// The names in a directory, sorted; empty when there is none.
func names(in path: String) -> [String] {
    guard let stream = opendir(path) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
}

/// Makes a directory and its parents.
func makeDirectory(_ path: String) throws {
    let parent = path.split(separator: "/").dropLast().joined(separator: "/")
    if !parent.isEmpty && access("/\(parent)", F_OK) != 0 { try makeDirectory("/\(parent)") }
    if access(path, F_OK) != 0 { _ = try Posix.call("mkdir", subject: path) { mkdir(path, 0o755) } }
}

/// Writes a file as a plain program does, over the old bytes if there are any; makes its directory.
func writeFile(_ path: String, _ text: String) throws {
    try makeDirectory("/" + path.split(separator: "/").dropLast().joined(separator: "/"))
    let file = OwnedDescriptor(
        try Posix.call("open", subject: path) { open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644) })
    let count = try Posix.call("write") { write(file.number, text, text.utf8.count) }
    precondition(count == text.utf8.count)
}

/// What is at a path itself, not behind a symbolic link.
func status(of path: String) throws -> stat {
    var status = stat()
    _ = try Posix.call("lstat", subject: path) { lstat(path, &status) }
    return status
}

/// Whether files can be made in a directory.
func isWritable(_ path: String) -> Bool {
    access(path, W_OK) == 0
}
