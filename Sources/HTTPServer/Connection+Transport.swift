import EventLoop

/// Moving bytes: every call tries at once and waits only when the socket says so (edge-triggered readiness).
///
/// Nothing but this file and Connection+TLS.swift touches `socket`'s reading and writing.
extension Connection {
    /// Bytes a connection may move before the others on its loop get a turn.
    static let turnBudget = 512 << 10
    /// The most one `sendfile` call is asked for, so that one call cannot use up several turns.
    private static let sendFileStep = 512 << 10

    /// The loop says that something changed.
    func note(_ events: ReadyEvents) {
        if !events.isDisjoint(with: .broken) { cancel() }
        if events.contains(.writable) || !events.isDisjoint(with: .hangUp) {
            canWrite = true
            resumeWriter()
            if readNeedsWritable { noteReadable() }
        }
        if !events.isDisjoint(with: [.readable, .hangUp]) {
            if !events.isDisjoint(with: .hangUp) { hasHungUp = true }
            noteReadable()
            if writeNeedsReadable {
                writeNeedsReadable = false
                canWrite = true
                resumeWriter()
            }
        }
    }

    private func noteReadable() {
        readNeedsWritable = false
        canRead = true
        resumeReader()
    }

    /// Makes every wait of the connection's task end, and its next read or write fail.
    func abandon() {
        isClosed = true
        resumeReader()
        resumeWriter()
    }

    private func resumeReader() {
        guard let waiting = reader else { return }
        reader = nil
        waiting.resume()
    }

    private func resumeWriter() {
        guard let waiting = writer else { return }
        writer = nil
        waiting.resume()
    }

    /// Waits until there is something to read, holding no buffer.
    func waitForInput() async throws {
        try await waitReadable()
    }

    /// Whether the connection's task waits for the socket.
    var isWaiting: Bool { reader != nil || writer != nil }

    func waitReadable() async throws {
        if phase == .transfer { extendDeadline() }
        // Tested again inside: the body may run after a hop, and the wake-up may have come in between.
        await withUnsafeContinuation { continuation in
            if canRead || isClosed { continuation.resume() } else { (reader, spentBudget) = (continuation, 0) }
        }
        if isClosed { throw ConnectionClosed() }
    }

    func waitWritable() async throws {
        if phase == .transfer { extendDeadline() }
        await withUnsafeContinuation { continuation in
            if canWrite || isClosed { continuation.resume() } else { (writer, spentBudget) = (continuation, 0) }
        }
        if isClosed { throw ConnectionClosed() }
    }

    /// Lets the loop's other connections have a turn when this one has moved its share.
    func spend(_ count: Int) async {
        spentBudget += count
        guard spentBudget >= Self.turnBudget else { return }
        spentBudget = 0
        await loop.giveWay()
    }

    /// Reads at least one byte; 0 at the end of the stream.
    func receive(into buffer: Buffer, at offset: Int, limit: Int) async throws -> Int {
        while true {
            if let count = try receiveNow(into: buffer, at: offset, limit: limit) {
                await spend(count)
                return count
            }
            try await waitReadable()
        }
    }

    /// Reads what is there; nil when nothing is.
    func receiveNow(into buffer: Buffer, at offset: Int, limit: Int) throws -> Int? {
        if isClosed { throw ConnectionClosed() }
        guard canRead else { return nil }
        if let tls { return try receiveNow(tls, into: buffer, at: offset, limit: limit) }
        do {
            switch try socket.receive(into: buffer, at: offset, limit: limit) {
            case .moved(let count):
                // A short read has emptied the socket, unless the end of the stream is still to be read.
                if count < limit, count > 0, !hasHungUp { canRead = false }
                return count
            case .wouldBlock:
                canRead = false
                return nil
            }
        } catch {
            throw ConnectionClosed()
        }
    }

    private func sendNow(_ bytes: RawSpan) throws -> SocketResult {
        if let tls { return try sendNow(tls, bytes) }
        return try socket.send(bytes, limit: Self.turnBudget)
    }

    private func sendFileNow(_ file: OpenFile, at offset: Int, count: Int) throws -> SocketResult {
        if let tls { return try sendFileNow(tls, file, at: offset, count: count) }
        return try socket.sendFile(file, at: offset, count: count)
    }

    /// Writes all of `bytes`.
    func write(_ bytes: [UInt8]) async throws {
        var sent = 0
        try await write(bytes, counting: &sent)
    }

    /// Writes all of `bytes`; `sent` says how far it got, also when it throws.
    func write(_ bytes: [UInt8], counting sent: inout Int) async throws {
        var offset = 0
        while offset < bytes.count {
            let count = try await moved { try sendNow(bytes.span.bytes.extracting(offset..<bytes.count)) }
            offset += count
            sent += count
        }
    }

    /// Sends all of `region`; `sent` says how far it got, also when it throws.
    func sendFile(_ region: FileRegion, counting sent: inout Int) async throws {
        var offset = 0
        while offset < region.length {
            let step = min(region.length - offset, Self.sendFileStep)
            let count = try await moved { try sendFileNow(region.file, at: region.offset + offset, count: step) }
            // The file became shorter than its announced length: the client must not take this for the whole.
            if count == 0 { throw ConnectionClosed() }
            offset += count
            sent += count
        }
    }

    /// Sends all of `stream`; `sent` says how far it got, also when it throws.
    func send(_ stream: any ResponseStream, counting sent: inout Int) async throws {
        let length = stream.length
        var done = 0
        defer { sent += done }
        try await stream.forEachChunk { chunk in
            // More than was announced would be taken for the next response.
            guard done + chunk.byteCount <= length else { throw WrongLength() }
            var offset = 0
            while offset < chunk.byteCount {
                let rest = chunk.extracting(offset..<chunk.byteCount)
                let count = try await moved { try sendNow(rest) }
                offset += count
                done += count
            }
        }
        if done < length { throw WrongLength() }
    }

    /// Sends all of `stream`; `sent` says how far it got, also when it throws.
    func send(_ stream: any FileStream, counting sent: inout Int) async throws {
        let length = stream.length
        var done = 0
        defer { sent += done }
        try await stream.forEachRegion { region in
            guard done + region.length <= length else { throw WrongLength() }
            try await sendFile(region, counting: &done)
        }
        if done < length { throw WrongLength() }
    }

    /// Repeats `operation` until it moves something.
    private func moved(_ operation: () throws -> SocketResult) async throws -> Int {
        while true {
            if isClosed { throw ConnectionClosed() }
            if canWrite {
                do {
                    switch try operation() {
                    case .moved(let count):
                        await spend(count)
                        return count
                    case .wouldBlock: canWrite = false
                    }
                } catch {
                    throw ConnectionClosed()
                }
            }
            try await waitWritable()
        }
    }
}
