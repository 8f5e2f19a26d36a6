import OCI

/// What `stowage robot` does with the file; the server only reads it. All of it blocks, and throws a sentence with path.
extension RobotFile {
    /// The accounts in the file, by name in alphabetical order.
    package static func robots(in path: String) throws -> [Robot] {
        try RobotTable(AccountsFileBytes.read(path), path: path).sorted
    }

    /// Adds an account to the file, which is made if it is not there.
    package static func add(_ robot: Robot, to path: String) throws {
        try AccountsFileEdit.replace(path) { bytes in
            var table = try bytes.map { bytes throws in try RobotTable(bytes, path: path) } ?? RobotTable()
            guard table.robots[robot.name] == nil else {
                throw AccountsFileError(
                    "\(path) has an account \(robot.name) already; choose another name, or revoke it first")
            }
            table.insert(robot)
            return table.bytes
        }
    }

    /// Removes the account `name` (without prefix) from the file.
    package static func revoke(_ name: String, in path: String) throws {
        try AccountsFileEdit.replace(path) { bytes in
            guard let bytes else { throw AccountsFileError("\(path) is not there") }
            var table = try RobotTable(bytes, path: path)
            guard table.remove(name) != nil else {
                throw AccountsFileError("\(path) has no account \(name.excerpt); `stowage robot list` shows them")
            }
            return table.bytes
        }
    }
}
