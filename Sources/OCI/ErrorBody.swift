/// The body of an answer with a 4xx or 5xx status (distribution-spec, "Error Codes").
package struct ErrorBody: Equatable, Sendable {
    /// One thing that is wrong.
    package struct Entry: Equatable, Sendable {
        /// The code of the specification.
        package var code: ErrorCode
        /// A sentence for people.
        package var message: String
        /// Facts for programs; left out of the text when nil.
        package var detail: ErrorDetail?

        /// An entry of the given parts.
        package init(code: ErrorCode, message: String, detail: ErrorDetail? = nil) {
            self.code = code
            self.message = message
            self.detail = detail
        }
    }

    /// Everything that is wrong, at least one thing.
    package var errors: [Entry]

    /// A body of several errors.
    package init(errors: [Entry]) {
        self.errors = errors
    }

    /// A body of one error.
    package init(code: ErrorCode, message: String, detail: ErrorDetail? = nil) {
        errors = [Entry(code: code, message: message, detail: detail)]
    }

    /// The JSON text.
    package func encoded() -> [UInt8] {
        var writer = JSONWriter()
        writer.write(raw: #"{"errors":["#)
        writer.writeElements(errors) { writer, entry in
            writer.write(raw: #"{"code":"#)
            writer.write(entry.code.rawValue)
            writer.write(raw: #","message":"#)
            writer.write(entry.message)
            if let detail = entry.detail {
                writer.write(raw: #","detail":"#)
                writer.write(detail)
            }
            writer.write(raw: "}")
        }
        writer.write(raw: "]}")
        return writer.bytes
    }
}

/// What an error says to programs: named values or a list.
package enum ErrorDetail: Equatable, Sendable {
    /// A JSON object of strings.
    case values([String: String])
    /// A JSON array of strings.
    case list([String])
}

extension JSONWriter {
    fileprivate mutating func write(_ detail: ErrorDetail) {
        switch detail {
        case .values(let values): write(values)
        case .list(let list): write(list)
        }
    }
}
