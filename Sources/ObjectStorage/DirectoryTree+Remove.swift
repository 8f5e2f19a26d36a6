import EventLoop
import Glibc

extension DirectoryTree {
    /// Removes the files of keys, durably, and then the directories they leave empty; absent ones are no error.
    func remove(_ keys: [ObjectKey]) throws(SystemCallError) {
        let groups = Dictionary(grouping: keys.map { FilePlace($0.string) }, by: \.directory)
        for (path, places) in groups {
            guard let directory = try openIfPresent(path, O_RDONLY | O_DIRECTORY) else { continue }
            for place in places { try unlink(place, in: directory.number) }
            // Before the directory itself goes: a name that is gone must stay gone, an empty directory is no object.
            try synchronize(directory.number)
        }
        for path in groups.keys { prune(path) }
    }

    /// Makes it durable that a file left the directory at `path`, and removes what is empty now.
    func leave(_ path: String) throws(SystemCallError) {
        try synchronizeDirectory(path)
        prune(path)
    }

    private func unlink(_ place: FilePlace, in directory: CInt) throws(SystemCallError) {
        do throws(SystemCallError) {
            _ = try Posix.call("unlinkat", subject: subject("\(place.directory)/\(place.name)")) {
                unlinkat(directory, place.name, 0)
            }
        } catch {
            // A directory is no object.
            if !SystemCallError.meansAbsent(error.code) && error.code != EISDIR { throw error }
        }
    }

    /// Removes a directory and its parents as far as they are empty. One that stays does no harm, so errors end it.
    private func prune(_ path: String) {
        var path = path
        while path != "." {
            let place = FilePlace(path)
            // An error means that the parent is gone or unreadable: nothing is left to do, as above.
            guard let parent = try? openIfPresent(place.directory, O_RDONLY | O_DIRECTORY),
                unlinkat(parent.number, place.name, AT_REMOVEDIR) == 0 || errno == ENOENT
            else { return }
            path = place.directory
        }
    }

    /// Removes temporary files last written to before a time in seconds since 1970; returns how many.
    func removeTemporaryFiles(modifiedBefore time: Int) throws(SystemCallError) -> Int {
        guard var names = try names(in: Self.temporaryFiles, where: { _ in true }) else { return 0 }
        var count = 0
        while let name = names.next() {
            let path = "\(Self.temporaryFiles)/\(String(decoding: name, as: UTF8.self))"
            guard let status = try status(of: path), status.isRegularFile, status.st_mtim.tv_sec < time else {
                continue
            }
            // It may have been published or discarded since.
            if unlinkat(number, path, 0) == 0 { count += 1 }
        }
        return count
    }
}
