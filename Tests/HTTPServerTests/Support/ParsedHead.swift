import HTTPServer

/// What came of giving bytes to a `HeadParser`, in a form that can be compared.
enum ParsedHead: Equatable {
    case needsMore
    case rejected(Status, reason: String)
    case complete(Facts, consumed: Int)

    /// Everything a `RequestHead` says.
    struct Facts: Equatable {
        var method: String
        var path: String
        var query: String
        var framing: RequestHead.Framing
        var keepsAlive: Bool
        var expectsContinue: Bool
        var minorVersion: Int

        init(_ head: RequestHead) {
            (method, path, query) = (head.method.name, head.path, head.query)
            (framing, keepsAlive) = (head.framing, head.keepsAlive)
            (expectsContinue, minorVersion) = (head.expectsContinue, head.minorVersion)
        }
    }

    /// The bytes as they come when each of `ends` is where a piece of them ends; the last piece is the rest.
    init(_ bytes: [UInt8], ends: [Int] = [], limits: HeadLimits = HeadLimits()) {
        var parser = HeadParser(limits: limits)
        self = .needsMore
        for end in ends + [bytes.count] {
            let piece = Array(bytes[..<end])
            do throws(HeadError) {
                guard case .complete(let head, let consumed) = try parser.parse(piece.span.bytes) else {
                    continue
                }
                self = .complete(Facts(head), consumed: consumed)
            } catch {
                self = .rejected(error.status, reason: error.reason)
            }
            return
        }
    }

    var facts: Facts? {
        if case .complete(let facts, _) = self { return facts }
        return nil
    }

    var rejection: Status? {
        if case .rejected(let status, _) = self { return status }
        return nil
    }
}

/// The bytes of a head made of these lines.
func head(_ lines: String...) -> [UInt8] {
    Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
}
