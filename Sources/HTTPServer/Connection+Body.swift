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
            try await waitForInput()
            return true
        }
        let buffer = makeRoom()
        let count = try await receive(
            into: buffer, at: inputRange.upperBound, limit: buffer.capacity - inputRange.upperBound,
            extending: false)
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
    private func makeRoom() -> Buffer {
        guard let buffer = input else {
            preconditionFailure("bytes at hand without a buffer")
        }
        if inputRange.upperBound < buffer.capacity { return buffer }
        if inputRange.lowerBound > 0 {
            buffer.move(inputRange, to: 0)
            inputRange = 0..<inputRange.count
            return buffer
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
        owesContinue = head.expectsContinue
        bytesIn = 0
    }

    /// Whether the body was read to its end.
    var isBodyComplete: Bool {
        switch framing {
        case .none: remaining == 0
        case .length: remaining == 0
        case .chunked: false
        }
    }

    func takeBodyBuffer() -> Buffer { loop.buffers.takeLarge() }
    func giveBack(_ buffer: Buffer) { loop.buffers.giveBack(buffer) }

    /// Fills `buffer` from its start with body bytes; 0 when the body is complete.
    func fillBody(_ buffer: Buffer) async throws -> Int {
        if isBodyComplete { return 0 }
        if owesContinue {
            owesContinue = false
            // A client that did not wait has no use for the interim response.
            if inputRange.isEmpty { try await write(Self.continueLine) }
        }
        let count = framing == .chunked ? try await fillChunked(buffer) : try await fillCounted(buffer)
        bytesIn += count
        guard bytesIn <= limits.body else {
            throw BodyError(
                status: .contentTooLarge, reason: "a request body may have at most \(limits.body) bytes")
        }
        return count
    }

    /// Body bytes by Content-Length: as many as are there now, at least one.
    private func fillCounted(_ buffer: Buffer) async throws -> Int {
        let wanted = min(remaining, buffer.capacity)
        var filled = takeInput(into: buffer, limit: wanted)
        if filled == 0 {
            filled = try await receiveSome(into: buffer, limit: wanted)
        }
        while filled < wanted, let count = try receiveNow(into: buffer, at: filled, limit: wanted - filled) {
            if count == 0 { throw ConnectionClosed() }
            filled += count
            await spend(count)
        }
        remaining -= filled
        return filled
    }

    /// Chunk data, moved together at the start of `buffer`: as much as is there now, at least one byte or the end.
    private func fillChunked(_ buffer: Buffer) async throws -> Int {
        var filled = 0
        while true {
            var raw = takeInput(into: buffer, at: filled, limit: buffer.capacity - filled)
            if raw == 0 {
                if filled == 0 {
                    raw = try await receiveSome(into: buffer, limit: buffer.capacity)
                } else {
                    guard let count = try receiveNow(into: buffer, at: filled, limit: buffer.capacity - filled) else {
                        return filled
                    }
                    if count == 0 { throw ConnectionClosed() }
                    await spend(count)
                    raw = count
                }
            }
            filled = try decode(buffer, raw: filled..<filled + raw, filled: filled)
            if framing == .none || filled == buffer.capacity { return filled }
        }
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

    private func receiveSome(into buffer: Buffer, limit: Int) async throws -> Int {
        let count = try await receive(into: buffer, at: 0, limit: limit)
        // The stream ended inside a body.
        if count == 0 { throw ConnectionClosed() }
        return count
    }

    /// Reads the small rest of a body nobody wanted.
    func discardBody() async throws {
        guard !isBodyComplete else { return }
        let buffer = takeBodyBuffer()
        defer { giveBack(buffer) }
        while try await fillBody(buffer) > 0 {}
    }
}
