import EventLoop
import Glibc

/// Where a key's file is: the path of its directory, "." for the root, and the file's name in it.
struct FilePlace {
    let directory: String
    let name: String

    init(_ path: String) {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else {
            (directory, name) = (".", path)
            return
        }
        directory = String(path[..<slash])
        name = String(path[path.utf8.index(after: slash)...])
    }
}

extension DirectoryTree {
    /// How often an operation starts again because somebody else changed the tree under it.
    private static let attempts = 16

    /// Gives an object its name: `change` makes the file in the directory it is given. Durable when this returns.
    ///
    /// `change` is run again when that directory, found empty by somebody's delete, goes away in between.
    func publish(
        _ key: ObjectKey, _ condition: PutCondition,
        by change: (_ directory: CInt, _ name: String) throws(SystemCallError) -> Void
    ) throws {
        let place = FilePlace(key.string)
        var parents: [String] = []
        var attempt = 1
        while true {
            do throws(SystemCallError) {
                return try enter(place, &parents, change)
            } catch {
                let isRace = error.code == ENOENT || (error.code == EEXIST && condition == .absent)
                guard isRace, attempt < Self.attempts else { throw error }
                if error.code == EEXIST { try refuseIfPresent(key) }
                attempt += 1
            }
        }
    }

    /// Throws `preconditionFailed` when `key` has an object. That one is durable then: whoever is refused may rely on
    /// it, also when its writer has given it the name but has not come to the fsync yet.
    func refuseIfPresent(_ key: ObjectKey) throws {
        let place = FilePlace(key.string)
        guard let directory = try openIfPresent(place.directory, O_RDONLY | O_DIRECTORY) else { return }
        var status = stat()
        guard fstatat(directory.number, place.name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return }
        guard status.isRegularFile else {
            throw ObjectStoreError.unsupportedKey(key, reason: "something that is no regular file has the name")
        }
        try synchronize(directory.number)
        throw ObjectStoreError.preconditionFailed(key)
    }

    private func enter(
        _ place: FilePlace, _ parents: inout [String], _ change: (CInt, String) throws(SystemCallError) -> Void
    ) throws(SystemCallError) {
        let directory = try openMaking(place.directory, &parents)
        try change(directory.number, place.name)
        try synchronize(directory.number)
        // Deepest first: a journal that holds one of these changes holds the earlier ones, so the rest is cheap. Whoever
        // finds a directory that somebody else has only just made relies on that.
        for path in parents.reversed() { try synchronizeDirectory(path) }
    }

    /// Opens a directory, making what is missing on the way; `parents` gets the directories that have a new name.
    private func openMaking(_ path: String, _ parents: inout [String]) throws(SystemCallError) -> OwnedDescriptor {
        if let directory = try openDirectory(path) { return directory }
        var parent = "."
        var end = path.startIndex
        while end < path.endIndex {
            end = path.utf8[end...].dropFirst().firstIndex(of: UInt8(ascii: "/")) ?? path.endIndex
            let place = FilePlace(String(path[..<end]))
            if try makeDirectory(place) || !parents.isEmpty { parents.append(parent) }
            parent = String(path[..<end])
        }
        return try openExisting(path, O_RDONLY | O_DIRECTORY)
    }

    /// nil when it is missing; a file or a symbolic link in its place is an error.
    private func openDirectory(_ path: String) throws(SystemCallError) -> OwnedDescriptor? {
        do throws(SystemCallError) {
            return try openExisting(path, O_RDONLY | O_DIRECTORY)
        } catch {
            if error.code == ENOENT { return nil }
            throw error
        }
    }

    /// Whether the directory was missing.
    private func makeDirectory(_ place: FilePlace) throws(SystemCallError) -> Bool {
        let parent = try openExisting(place.directory, O_RDONLY | O_DIRECTORY)
        do throws(SystemCallError) {
            _ = try Posix.call("mkdirat", subject: subject("\(place.directory)/\(place.name)")) {
                mkdirat(parent.number, place.name, 0o750)
            }
            return true
        } catch {
            if error.code == EEXIST { return false }
            throw error
        }
    }

    /// Makes an empty object without metadata straight under its name, where it is whole from the first moment; nil when
    /// the name has an object that has to be replaced.
    func publishEmpty(_ key: ObjectKey, _ condition: PutCondition) throws -> ObjectInfo? {
        var made: stat?
        do {
            try publish(key, condition) { (directory, name) throws(SystemCallError) in
                let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
                let file = OwnedDescriptor(
                    try Posix.call("openat", subject: subject(key.string)) { openat(directory, name, flags, 0o640) })
                made = try FileAttributes.seal(file.number, ObjectMetadata())
            }
        } catch let error as SystemCallError where error.code == EEXIST && condition == .always {
            return nil
        }
        return made.map { ObjectInfo($0, ObjectMetadata()) }
    }

    /// Makes the object at `source` the one at `key`, with other metadata.
    func move(
        _ source: ObjectKey, to key: ObjectKey, _ metadata: ObjectMetadata, _ condition: PutCondition
    ) throws -> ObjectInfo {
        guard let file = try openFile(source.string)?.file else { throw ObjectStoreError.noSuchKey(source) }
        if condition == .absent { try refuseIfPresent(key) }
        let status = try FileAttributes.seal(file.number, metadata)
        try synchronize(file.number)
        do {
            try publish(key, condition) { (directory, name) throws(SystemCallError) in
                _ = try Posix.call("renameat", subject: subject(key.string)) {
                    switch condition {
                    case .always: renameat(number, source.string, directory, name)
                    case .absent: linkat(number, source.string, directory, name, 0)
                    }
                }
            }
        } catch let error as SystemCallError where error.code == ENOENT {
            // Somebody else was faster with the same source.
            if try openFile(source.string) == nil { throw ObjectStoreError.noSuchKey(source) }
            throw error
        }
        if condition == .absent { try remove([source]) } else { try leave(FilePlace(source.string).directory) }
        return ObjectInfo(status, metadata)
    }

    /// Makes the private directory for temporary files.
    func makeTemporaryDirectory() throws(SystemCallError) {
        _ = try makeDirectory(FilePlace(Self.privatePrefix))
        _ = try makeDirectory(FilePlace(Self.temporaryFiles))
    }
}
