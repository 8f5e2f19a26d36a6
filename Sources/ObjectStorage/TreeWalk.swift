import EventLoop
import Glibc

/// A walk over the files of the tree in byte order of the whole key, for one page of a listing.
///
/// A directory sorts as its name with a "/", so that "a-b/x" comes before "a/x". Only directories that can hold keys of
/// the page are read; memory holds the names of one directory per level. What has no UTF-8 name, or is neither file nor
/// directory, is not there.
struct TreeWalk {
    private struct Level {
        /// Empty, or ends with "/".
        let path: [UInt8]
        var names: DirectoryNames
    }

    private let tree: DirectoryTree
    private let prefix: [UInt8]
    private let after: [UInt8]
    private let limit: Int
    private var levels: [Level] = []
    private var listing = ObjectListing(objects: [], isTruncated: false)

    init(_ tree: DirectoryTree, prefix: String, after: String?, limit: Int) {
        self.tree = tree
        self.prefix = Array(prefix.utf8)
        self.after = Array((after ?? "").utf8)
        self.limit = limit
    }

    mutating func page() throws(SystemCallError) -> ObjectListing {
        let base = prefix.lastIndex(of: UInt8(ascii: "/")).map { Array(prefix[...$0]) } ?? []
        // What cannot begin a key is not looked up: the system would take "a//" or "a/./" for "a/".
        let directory = ObjectKey(String(decoding: base.dropLast(), as: UTF8.self))
        guard base.isEmpty || (directory.flaw == nil && !directory.isPrivate) else { return listing }
        try enter(base)
        while let level = levels.indices.last, !listing.isTruncated {
            guard let name = levels[level].names.next() else {
                levels.removeLast()
                continue
            }
            let path = levels[level].path + name
            if path.last == UInt8(ascii: "/") { try enter(path) } else { try emit(path) }
        }
        return listing
    }

    private mutating func enter(_ path: [UInt8]) throws(SystemCallError) {
        let directory = path.isEmpty ? "." : String(decoding: path.dropLast(), as: UTF8.self)
        // Removed since its name was read, or too deep for any key: it holds nothing.
        guard var names = try tree.names(in: directory, where: { matches(path, $0) }) else { return }
        names.sort()
        levels.append(Level(path: path, names: names))
    }

    /// Whether `name`, in the directory at `path`, is or may hold a key of the page.
    private func matches(_ path: [UInt8], _ name: [UInt8]) -> Bool {
        let rest = prefix.dropFirst(path.count)
        let isDirectory = name.last == UInt8(ascii: "/")
        guard name.starts(with: rest) || (isDirectory && rest.starts(with: name)) else { return false }
        // All keys here begin with `path`: they sort after `after` as `path` does, or, if it begins so too, by the rest.
        guard after.starts(with: path) else { return after.lexicographicallyPrecedes(path) }
        let bound = after.dropFirst(path.count)
        return bound.lexicographicallyPrecedes(name) || (isDirectory && bound.starts(with: name))
    }

    private mutating func emit(_ path: [UInt8]) throws(SystemCallError) {
        let string = String(decoding: path, as: UTF8.self)
        // Removed since its name was read.
        guard let status = try tree.status(of: string), status.isRegularFile else { return }
        guard listing.objects.count < limit else {
            listing.isTruncated = true
            return
        }
        listing.objects.append(
            ListedObject(
                key: ObjectKey(string), size: Int(status.st_size), etag: ObjectInfo.etag(status),
                modified: status.st_mtim.tv_sec))
    }
}
