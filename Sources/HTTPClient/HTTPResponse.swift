/// A whole answer in memory.
package struct HTTPResponse: Sendable {
    package let status: Int
    package let fields: HTTPFields
    package let bytes: [UInt8]
    /// Whether the request was sent more than once because a connection died before any byte of an answer: then a
    /// condition may have failed because of the request itself.
    package let isResent: Bool

    package init(status: Int, fields: HTTPFields, bytes: [UInt8], isResent: Bool = false) {
        self.status = status
        self.fields = fields
        self.bytes = bytes
        self.isResent = isResent
    }
}

/// The field lines of an answer as they came, looked up without regard to the case of their names.
package struct HTTPFields: Sendable {
    /// Field lines, each with its line end.
    private let lines: [UInt8]

    /// `lines`: field lines as received, without the status line.
    package init(lines: [UInt8]) {
        self.lines = lines
    }

    /// The value of the first field called `name`, without the white space around it.
    package subscript(name: String) -> String? {
        var found: String?
        forEach { line, colon in
            guard colon == name.utf8.count, Self.isEqual(line[..<(line.startIndex + colon)], name.utf8) else {
                return true
            }
            found = Self.value(of: line, after: colon)
            return false
        }
        return found
    }

    /// The fields whose names begin with `prefix` (in lower case), by what follows it, in lower case.
    package func fields(withPrefix prefix: String) -> [(name: String, value: String)] {
        var found: [(name: String, value: String)] = []
        forEach { line, colon in
            let name = line[..<(line.startIndex + colon)]
            let count = prefix.utf8.count
            if colon > count, Self.isEqual(name.prefix(count), prefix.utf8) {
                let rest = String(decoding: name.dropFirst(count).lazy.map(Self.lowercase), as: UTF8.self)
                found.append((rest, Self.value(of: line, after: colon)))
            }
            return true
        }
        return found
    }

    /// `Content-Length`, if it is a number.
    package var contentLength: Int? { self["content-length"].flatMap { Int($0) } }

    /// Calls `body` with each field line and the length of its name, until it returns false.
    private func forEach(_ body: (ArraySlice<UInt8>, Int) -> Bool) {
        var start = 0
        while start < lines.count {
            let end = lines[start...].firstIndex(of: UInt8(ascii: "\n")) ?? lines.count
            let line = lines[start..<end]
            if let colon = line.firstIndex(of: UInt8(ascii: ":")), !body(line, colon - start) { return }
            start = end + 1
        }
    }

    private static func lowercase(_ byte: UInt8) -> UInt8 {
        byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
    }

    private static func isEqual(_ one: ArraySlice<UInt8>, _ other: String.UTF8View) -> Bool {
        one.elementsEqual(other) { lowercase($0) == lowercase($1) }
    }

    private static func value(of line: ArraySlice<UInt8>, after colon: Int) -> String {
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }
        var value = line.dropFirst(colon + 1).drop(while: isSpace)
        while let last = value.last, isSpace(last) { value.removeLast() }
        return String(decoding: value, as: UTF8.self)
    }
}
