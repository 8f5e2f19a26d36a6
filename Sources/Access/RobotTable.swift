import OCI

/// The text of a robot file: one JSON object, `{"robots": [...]}`, whose elements have only text fields.
package struct RobotTable: Sendable {
    /// By name.
    package private(set) var robots: [String: Robot] = [:]

    init() {}

    /// Throws a sentence with path and account at the first thing that is not acceptable.
    init(_ bytes: [UInt8], path: String) throws(AccountsFileError) {
        for (index, fields) in try Self.decode(bytes, path: path).enumerated() {
            do throws(Robot.Flaw) {
                let robot = try Robot(fields: fields)
                guard robots.updateValue(robot, forKey: robot.name) == nil else {
                    throw Robot.Flaw(description: "\(robot.name.excerpt) is there twice; remove one of them")
                }
            } catch {
                throw AccountsFileError("\(path): account \(index + 1): \(error.description)")
            }
        }
    }

    private static func decode(_ bytes: [UInt8], path: String) throws(AccountsFileError) -> [[String: String]] {
        do {
            let document = try decodeBoundedJSON([String: [[String: String]]].self, from: bytes)
            if document.count == 1, let robots = document["robots"] { return robots }
        } catch let error as JSONSyntaxError {
            throw AccountsFileError(
                "\(path) is no JSON: \(error); restore it, or make a new one with `stowage robot create`")
        } catch {
            // A decoder's words may quote a value, and somebody may have put a secret there.
        }
        throw AccountsFileError(
            "\(path) is no robot file: expected {\"robots\": [...]}, and in each account only text, as "
                + "`stowage robot create` writes it")
    }

    /// The account with a login name.
    subscript(login login: String) -> Robot? {
        login.hasPrefix(RobotFile.prefix) ? robots.value(of: String(login.dropFirst(RobotFile.prefix.count))) : nil
    }

    /// By name in alphabetical order.
    package var sorted: [Robot] { robots.values.sorted { $0.name < $1.name } }

    mutating func insert(_ robot: Robot) { robots[robot.name] = robot }
    mutating func remove(_ name: String) -> Robot? { robots.removeValue(forKey: name) }

    /// The file's text: an account a line.
    var bytes: [UInt8] {
        let lines = sorted.map { encodeJSON($0.fields) }
        return Array("{\"robots\": [\n".utf8) + Array(lines.joined(separator: ",\n".utf8)) + Array("\n]}\n".utf8)
    }
}

extension Robot {
    /// An account from the text of a file. All fields must be known ones: a misspelt `expires` would never end.
    fileprivate init(fields: [String: String]) throws(Flaw) {
        let known: Set = ["name", "description", "created", "expires", "secretHash"]
        if let unknown = fields.keys.filter({ !known.contains($0) }).min() {
            throw Flaw(description: "unknown field \(unknown.excerpt)")
        }
        guard let name = fields["name"] else { throw Flaw(description: "\"name\" is missing") }
        guard let hash = fields["secretHash"].flatMap(Self.hash) else {
            throw Flaw(
                description: "\"secretHash\" of \(name.excerpt) is missing, or not sha256: and 64 hexadecimal digits")
        }
        try self.init(
            name: name, description: fields["description"] ?? "",
            created: try Self.time("created", in: fields, of: name) ?? 0,
            expires: try Self.time("expires", in: fields, of: name), secretHash: hash)
    }

    private static func hash(_ text: String) -> Digest? {
        // The error would quote the text, and somebody may have put the secret itself there.
        guard let digest = try? Digest(text), digest.algorithm == .sha256 else { return nil }
        return digest
    }

    private static func time(_ field: String, in fields: [String: String], of name: String) throws(Flaw) -> Int? {
        guard let text = fields[field] else { return nil }
        guard let seconds = UTCDate.seconds(text) else {
            throw Flaw(description: "\(field.excerpt) of \(name.excerpt) is no time such as 2026-11-23T09:10:11Z")
        }
        return seconds
    }

    fileprivate var fields: [String: String] {
        var fields = ["name": name, "created": UTCDate.text(created), "secretHash": secretHash.string]
        if !description.isEmpty { fields["description"] = description }
        if let expires { fields["expires"] = UTCDate.text(expires) }
        return fields
    }
}
