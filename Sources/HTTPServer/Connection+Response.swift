import EventLoop
import OpenSSL

/// Sending responses, and ending the connection so that the last one arrives.
extension Connection {
    /// Sends `response`; `sent` counts the body bytes that went out.
    func send(
        _ response: Response, to head: RequestHead, id: String, keepsAlive: Bool, counting sent: inout Int
    ) async throws {
        enter(.transfer)
        let context = ResponseHead.Context(
            date: dateLine.bytes, requestID: id, keepsAlive: keepsAlive, announcesKeepAlive: head.minorVersion == 0)
        let hasContent = head.method != .head && !response.status.forbidsBody
        guard hasContent, response.body.length > 0 else {
            try await write(ResponseHead.bytes(of: response, context, roomFor: 0))
            return
        }
        switch response.body {
        case .none, .omitted:
            try await write(ResponseHead.bytes(of: response, context, roomFor: 0))
        case .bytes(let content) where content.count <= BufferPool.smallCapacity:
            var bytes = ResponseHead.bytes(of: response, context, roomFor: content.count)
            bytes.append(contentsOf: content)
            try await write(bytes)
            sent = content.count
        case .bytes(let content):
            try await write(ResponseHead.bytes(of: response, context, roomFor: 0))
            try await write(content, counting: &sent)
        case .file(let region):
            try await write(ResponseHead.bytes(of: response, context, roomFor: 0))
            try await sendFile(region, counting: &sent)
        case .stream(let stream):
            try await write(ResponseHead.bytes(of: response, context, roomFor: 0))
            try await self.send(stream, counting: &sent)
        case .growing(let stream):
            try await write(ResponseHead.bytes(of: response, context, roomFor: 0))
            try await self.send(stream, counting: &sent)
        }
    }

    /// Answers bytes that are no request, and ends the connection.
    func reject(_ error: HeadError) async {
        let response = Response.text(error.status, error.reason)
        let context = ResponseHead.Context(
            date: dateLine.bytes, requestID: server.requestIDs.next(), keepsAlive: false, announcesKeepAlive: false)
        var bytes = ResponseHead.bytes(of: response, context, roomFor: 128)
        if case .bytes(let content) = response.body { bytes.append(contentsOf: content) }
        server.observeRejected(error)
        enter(.transfer)
        do {
            try await write(bytes)
            await linger()
        } catch {
            // It went away without waiting for the answer.
        }
    }

    /// Ends the sending side and reads on until the client has closed too, or for a moment: closing with unread bytes,
    /// or before more come, would make the kernel reset the connection and take the last response from the client.
    func linger() async {
        releaseInput()
        tls?.finishSending()
        // What comes now is thrown away: it need not be decrypted.
        tls = nil
        socket.shutDownWriting()
        enter(.lingering)
        do {
            // Bounded by the deadline, which is not extended here.
            while try await discardInput() {}
        } catch {
            // The client broke the connection, or kept it open for too long.
        }
    }

    /// Waits, holding no buffer, and throws away what comes; false at the end of the stream.
    private func discardInput() async throws -> Bool {
        try await waitForInput()
        let buffer = takeBodyBuffer()
        defer { giveBack(buffer) }
        while let count = try receiveNow(into: buffer, at: 0, limit: buffer.capacity) {
            if count == 0 { return false }
            await spend(count)
        }
        return true
    }
}
