import EventLoop

/// Bytes from the client that are not used yet, and the body of the current request among them.
extension Connection {
    private static let continueLine = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    // MARK: Input

    /// Reads more bytes behind those at hand; false at the end of the stream. An idle connection holds no buffer.
    func receiveMore() async throws -> Bool {
        if inputRange.isEmpty {
            releaseInput()
            // Wait without a buffer: the first byte shows itself by readiness.
            let buffer = loop.buffers.takeSmall()
            if let count = try receiveNow(into: buffer, at: 0, limit: buffer.capacity) {
                return take(buffer, count)
            }
            loop.buffers.giveBack(buffer)
            // Only after the attempt to read: a request that has come is answered, although the server drains.
            if phase == .idle, server.isDraining { return false }
            try await waitForInput()
            return true
        }
        let buffer = try makeRoom()
        let count = try await receive(
            into: buffer, at: inputRange.upperBound, limit: buffer.capacity - inputRange.upperBound)
        inputRange = inputRange.lowerBound..<inputRange.upperBound + count
        return count > 0
    }

    private func take(_ buffer: Buffer, _ count: Int) -> Bool {
        guard count > 0 else {
            loop.buffers.giveBack(buffer)
            return false
        }
        input = buffer
        inputRange = 0..<count
        return true
    }

    /// The input buffer with free space at its end.
    private func makeRoom() throws(HeadError) -> Buffer {
        guard let buffer = input else {
            preconditionFailure("bytes at hand without a buffer")
        }
        if inputRange.upperBound < buffer.capacity { return buffer }
        if inputRange.lowerBound > 0 {
            buffer.move(inputRange, to: 0)
            inputRange = 0..<inputRange.count
            return buffer
        }
        guard buffer.capacity < BufferPool.largeCapacity else {
            throw HeadError(.fieldsTooLarge, "the request head is longer than \(buffer.capacity) bytes")
        }
        let larger = loop.buffers.takeLarge()
        buffer.copy(inputRange, to: larger, at: 0)
        loop.buffers.giveBack(buffer)
        input = larger
        return larger
    }

    /// Gives the input buffer back; whatever it holds is dropped.
    func releaseInput() {
        if let input { loop.buffers.giveBack(input) }
        input = nil
        inputRange = 0..<0
    }

    // MARK: Body

    func beginBody(_ head: RequestHead) {
        framing = head.framing
        remaining = 0
        if case .length(let count) = head.framing { remaining = count }
        if head.framing == .chunked { decoder = ChunkedDecoder() }
        brokenBody = nil
        owesContinue = head.expectsContinue
        bytesIn = 0
    }

    /// Whether the body was read to its end.
    var isBodyComplete: Bool { brokenBody == nil && framing != .chunked && remaining == 0 }

    func takeBodyBuffer() -> Buffer { loop.buffers.takeLarge() }
    func giveBack(_ buffer: Buffer) { loop.buffers.giveBack(buffer) }

    /// Waits, holding no buffer, until there are bytes of the body to be taken; false when it is complete.
    func waitForBody() async throws -> Bool {
        if let brokenBody { throw brokenBody }
        if isBodyComplete { return false }
        if owesContinue {
            owesContinue = false
            // A client that did not wait has no use for the interim response.
            if inputRange.isEmpty { try await write(Self.continueLine) }
        }
        if inputRange.isEmpty {
            releaseInput()
            try await waitForInput()
        }
        return true
    }

    /// Fills `buffer` from its start with the body bytes that are there now; 0 when there are none after all.
    func fillBody(_ buffer: Buffer) async throws -> Int {
        do {
            let count = framing == .chunked ? try await fillChunked(buffer) : try await fillCounted(buffer)
            bytesIn += count
            guard bytesIn <= limits.body else {
                throw BodyError(
                    status: .contentTooLarge, reason: "a request body may have at most \(limits.body) bytes")
            }
            return count
        } catch let error as BodyError {
            brokenBody = error
            throw error
        }
    }

    /// Body bytes by Content-Length.
    private func fillCounted(_ buffer: Buffer) async throws -> Int {
        let wanted = min(remaining, buffer.capacity)
        var filled = takeInput(into: buffer, limit: wanted)
        while filled < wanted, let count = try await receiveBody(into: buffer, at: filled, limit: wanted - filled) {
            filled += count
        }
        remaining -= filled
        return filled
    }

    /// Chunk data, moved together at the start of `buffer`.
    private func fillChunked(_ buffer: Buffer) async throws -> Int {
        var filled = 0
        while framing == .chunked, filled < buffer.capacity {
            var raw = takeInput(into: buffer, at: filled, limit: buffer.capacity - filled)
            if raw == 0 {
                let room = buffer.capacity - filled
                guard let count = try await receiveBody(into: buffer, at: filled, limit: room) else { break }
                raw = count
            }
            filled = try decode(buffer, raw: filled..<filled + raw, filled: filled)
        }
        return filled
    }

    /// Reads what is there of a body; nil when nothing is.
    private func receiveBody(into buffer: Buffer, at offset: Int, limit: Int) async throws -> Int? {
        guard let count = try receiveNow(into: buffer, at: offset, limit: limit) else { return nil }
        // The stream ended inside a body.
        if count == 0 { throw ConnectionClosed() }
        await spend(count)
        return count
    }

    /// Moves the data among the `raw` bytes to `filled`; at the end of the body, keeps what follows as input.
    private func decode(_ buffer: Buffer, raw: Range<Int>, filled: Int) throws -> Int {
        var filled = filled
        var position = 0
        while true {
            let event = try buffer.withSpan(raw) { bytes throws(BodyError) in
                try decoder.next(bytes, from: &position)
            }
            switch event {
            case .data(let range):
                let source = raw.lowerBound + range.lowerBound..<raw.lowerBound + range.upperBound
                if source.lowerBound != filled { buffer.move(source, to: filled) }
                filled += range.count
            case .needsMore:
                return filled
            case .end(let consumed):
                framing = .none
                keepAsInput(buffer, raw.lowerBound + consumed..<raw.upperBound)
                return filled
            }
        }
    }

    /// Bytes behind a chunked body are the next request's.
    private func keepAsInput(_ buffer: Buffer, _ rest: Range<Int>) {
        guard !rest.isEmpty else { return }
        let free = input.map { $0.capacity >= rest.count && inputRange.isEmpty } ?? false
        if !free {
            precondition(inputRange.isEmpty, "input is used up before the socket is read")
            releaseInput()
            input = rest.count <= BufferPool.smallCapacity ? loop.buffers.takeSmall() : loop.buffers.takeLarge()
        }
        guard let input else { return }
        buffer.copy(rest, to: input, at: 0)
        inputRange = 0..<rest.count
    }

    /// Moves bytes at hand into `buffer`.
    private func takeInput(into buffer: Buffer, at offset: Int = 0, limit: Int) -> Int {
        guard let input, !inputRange.isEmpty else { return 0 }
        let count = min(inputRange.count, limit)
        input.copy(inputRange.lowerBound..<inputRange.lowerBound + count, to: buffer, at: offset)
        inputRange = inputRange.lowerBound + count..<inputRange.upperBound
        return count
    }

    // MARK: Memory

    /// Takes `count` bytes of the server's memory for bodies until the exchange ends, or throws 503.
    func reserveMemory(_ count: Int) throws {
        guard server.memory.reserve(count, limit: limits.bufferedBytes) else {
            let error = BodyError(status: .serviceUnavailable, reason: "too many large requests at once; try again")
            brokenBody = error
            throw error
        }
        reservedMemory += count
    }

    func releaseMemory() {
        server.memory.release(reservedMemory)
        reservedMemory = 0
    }

    /// Reads the small rest of a body nobody wanted.
    func discardBody() async throws {
        guard !isBodyComplete else { return }
        while try await waitForBody() {
            let buffer = takeBodyBuffer()
            defer { giveBack(buffer) }
            _ = try await fillBody(buffer)
        }
    }
}
