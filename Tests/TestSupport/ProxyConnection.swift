import Glibc
import HTTPServer

/// A head of HTTP/1.1 as far as a proxy has to understand it.
private struct Head {
    let bytes: [UInt8]
    let startLine: [Substring]
    private let fields: [String: String]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n")
        startLine = lines[0].split(separator: " ", maxSplits: 2)
        fields = lines.dropFirst().reduce(into: [:]) { fields, line in
            let pair = line.split(separator: ":", maxSplits: 1)
            fields[pair[0].lowercased()] = pair.count > 1 ? String(pair[1].drop { $0 == " " }) : ""
        }
    }

    subscript(name: String) -> String? { fields[name] }

    var length: Int { fields["content-length"].flatMap { Int($0) } ?? 0 }
    var isLast: Bool { fields["connection"]?.lowercased() == "close" }

    /// With its date as a clock that is `seconds` ahead would have it.
    func dated(ahead seconds: Int) -> [UInt8] {
        guard seconds != 0 else { return bytes }
        var lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: false)
        lines.removeAll { $0.lowercased().hasPrefix("date:") }
        lines.insert("Date: \(HTTPDate.string(time(nil) + seconds))", at: 1)
        return Array(lines.joined(separator: "\r\n").utf8)
    }

    /// Whether there is something in it that expires.
    var isSigned: Bool { fields["authorization"] != nil || startLine[1].contains("X-Amz-Signature=") }

    /// Without what is between the proxy and the client only.
    var forwarded: [UInt8] {
        guard fields["expect"] != nil else { return bytes }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: false)
        return Array(lines.filter { !$0.lowercased().hasPrefix("expect:") }.joined(separator: "\r\n").utf8)
    }
}

/// One client's connection through a `FaultProxy`, on a thread of its own.
struct ProxyConnection {
    /// A connection is to end now, as a fault wants it.
    private struct CutOff: Error {}

    /// How far the clocks of S3 and of a signature may be apart, in seconds.
    private static let toleratedSkew = 900

    private let client: BlockingSocket
    private let proxy: FaultProxy
    /// Kept for the next request.
    private var upstream: BlockingSocket?

    init(client: BlockingSocket, proxy: FaultProxy) {
        (self.client, self.proxy) = (client, proxy)
    }

    /// Serves requests until either side ends.
    mutating func run() throws {
        defer { dropUpstream() }
        while let bytes = try client.head() {
            let head = Head(bytes)
            guard head.startLine.count == 3 else { return }
            let (method, target) = (String(head.startLine[0]), String(head.startLine[1]))
            let operation = S3Operation(
                method: method, target: target, isCopy: head["x-amz-copy-source"] != nil)
            let request = S3Request(operation: operation, method: method, target: target, length: head.length)
            proxy.counter.note(request)
            let isSkewed = head.isSigned && abs(proxy.clockAhead) > Self.toleratedSkew
            let fault = isSkewed ? .answer(403, "RequestTimeTooSkewed") : proxy.fault(for: request)
            try serve(request, head, fault)
            if head.isLast { return }
        }
    }

    private mutating func serve(_ request: S3Request, _ head: Head, _ fault: Fault?) throws {
        if head["expect"] != nil { try client.send("HTTP/1.1 100 Continue\r\n\r\n") }
        switch fault {
        case .answer(let status, let code):
            try takeBody(request.length)
            try answer(status, code, isHead: request.method == "HEAD")
        case .resetBeforeRequest:
            try cutOff()
        case .resetInRequestBody:
            try sendHead(head)
            try relayBody(request.length / 2)
            dropUpstream()
            try cutOff()
        case .resetBeforeAnswer:
            try perform(request, head, true)
            try cutOff()
        case .okWithError(let code, let isDone):
            try perform(request, head, isDone)
            try answer(200, code, isHead: false)
        case .interrupt(let isDone, let callBack):
            try perform(request, head, isDone)
            callBack()
            try cutOff()
        case .twice:
            try forwardTwice(request, head)
        case .stallBeforeAnswer(let milliseconds):
            try forward(request, head)
            client.wait(milliseconds: milliseconds)
            try readAnswer(request, passingOn: true)
        case .resetInAnswerBody, .truncateAnswer, .stallInAnswerBody, nil:
            try forward(request, head)
            try readAnswer(request, passingOn: true, fault)
        }
    }

    // MARK: Requests

    /// Takes the whole request, which is to be done or not; its answer is passed on to nobody.
    private mutating func perform(_ request: S3Request, _ head: Head, _ isDone: Bool) throws {
        guard isDone else { return try takeBody(request.length) }
        try forward(request, head)
        try readAnswer(request, passingOn: false)
    }

    private mutating func forward(_ request: S3Request, _ head: Head) throws {
        try sendHead(head)
        try relayBody(request.length)
    }

    /// Sends a head on, on a new connection if S3 has closed the kept one.
    private mutating func sendHead(_ head: Head) throws {
        if let upstream, upstream.isQuiet { return try upstream.send(head.forwarded) }
        dropUpstream()
        let fresh = try BlockingSocket(port: proxy.target)
        guard proxy.keep(fresh) else { throw ConnectionEnded() }
        upstream = fresh
        try fresh.send(head.forwarded)
    }

    private func relayBody(_ length: Int) throws {
        var rest = length
        while rest > 0 {
            let bytes = try client.bytes(rest)
            rest -= bytes.count
            proxy.counter.note(sent: bytes.count)
            try upstream?.send(bytes)
        }
    }

    private func takeBody(_ length: Int) throws {
        var rest = length
        while rest > 0 { rest -= try client.bytes(rest).count }
    }

    private mutating func forwardTwice(_ request: S3Request, _ head: Head) throws {
        var body: [UInt8] = []
        while body.count < request.length { body += try client.bytes(request.length - body.count) }
        for isSecond in [false, true] {
            try sendHead(head)
            try upstream?.send(body)
            proxy.counter.note(sent: body.count)
            try readAnswer(request, passingOn: isSecond)
        }
    }

    // MARK: Answers

    private func answer(_ status: Int, _ code: String, isHead: Bool) throws {
        let body = """
            <?xml version="1.0" encoding="UTF-8"?>
            <Error><Code>\(code)</Code><Message>made by the fault proxy</Message>\
            <RequestId>fault-proxy</RequestId></Error>
            """
        let head = "HTTP/1.1 \(status) \(code)\r\nContent-Type: application/xml\r\nContent-Length: "
        let dated = Head(Array("\(head)\(body.utf8.count)\r\n\r\n".utf8)).dated(ahead: proxy.clockAhead)
        try client.send(dated + Array((isHead ? "" : body).utf8))
    }

    /// Reads the answer to its end, and passes it on if wanted, up to where a fault cuts it.
    private mutating func readAnswer(_ request: S3Request, passingOn: Bool, _ fault: Fault? = nil) throws {
        guard let upstream else { throw ConnectionEnded() }
        var head: Head
        repeat {
            guard let bytes = try upstream.head() else { throw ConnectionEnded() }
            head = Head(bytes)
        } while head.startLine[1].hasPrefix("1")
        if passingOn { try client.send(head.dated(ahead: proxy.clockAhead)) }
        let status = head.startLine[1]
        if request.method == "HEAD" || status == "204" || status == "304" { return }
        if head["transfer-encoding"]?.lowercased() == "chunked" {
            return try relayChunks(upstream, passingOn, fault)
        }
        let half = fault == nil ? head.length : head.length / 2
        try relayAnswer(upstream, half, passingOn)
        try misbehaveInBody(fault)
        try relayAnswer(upstream, head.length - half, passingOn)
    }

    private func relayAnswer(_ upstream: BlockingSocket, _ length: Int, _ passingOn: Bool) throws {
        var rest = length
        while rest > 0 {
            let bytes = try upstream.bytes(rest)
            rest -= bytes.count
            proxy.counter.note(received: bytes.count)
            if passingOn { try client.send(bytes) }
        }
    }

    /// A fault comes before the first chunk ends.
    private func relayChunks(_ upstream: BlockingSocket, _ passingOn: Bool, _ fault: Fault?) throws {
        var fault = fault
        while true {
            guard let line = try upstream.line() else { throw ConnectionEnded() }
            let digits = String(decoding: line.prefix { $0 != 13 && $0 != 59 }, as: UTF8.self)
            guard let size = Int(digits, radix: 16) else { throw ConnectionEnded() }
            if passingOn { try client.send(line) }
            let half = size / 2
            try relayAnswer(upstream, half, passingOn)
            if size > 0 {
                try misbehaveInBody(fault)
                fault = nil
            }
            try relayAnswer(upstream, size - half, passingOn)
            guard let end = try upstream.line() else { throw ConnectionEnded() }
            if passingOn { try client.send(end) }
            if size == 0 { return }
        }
    }

    private func misbehaveInBody(_ fault: Fault?) throws {
        switch fault {
        case .resetInAnswerBody: try cutOff()
        case .truncateAnswer: throw CutOff()
        case .stallInAnswerBody(let milliseconds): client.wait(milliseconds: milliseconds)
        default: break
        }
    }

    // MARK: Ending

    private func cutOff() throws {
        client.resetAtEnd()
        throw CutOff()
    }

    private mutating func dropUpstream() {
        guard let upstream else { return }
        upstream.shutDown()
        proxy.forget(upstream)
        self.upstream = nil
    }
}
