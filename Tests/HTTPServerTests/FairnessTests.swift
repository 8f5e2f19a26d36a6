import EventLoop
import HTTPServer
import TestSupport
import Testing

/// One loop serves everybody here: whoever keeps it, keeps all the others waiting.
@Suite("Fairness", .serialized, .overBothTransports, .timeLimit(.minutes(1)))
struct FairnessTests {
    @Test("small requests are answered while an upload, a download and a flood of requests never pause")
    func smallRequests() async throws {
        try await withEngine { engine in
            let (upload, download, flood) = (try engine.client(), try engine.client(), try engine.client())
            async let uploading: Void = uploadForEver(upload)
            async let downloading: Void = downloadForEver(download)
            async let flooding: Void = floodForEver(flood)
            let times = try await OwnThread.run {
                let client = try engine.client()
                let clock = ContinuousClock()
                return try (0..<300).map { _ in
                    let start = clock.now
                    _ = try client.request("GET", "/hello")
                    return clock.now - start
                }.sorted()
            }
            for busy in [upload, download, flood] { busy.finishBoth() }
            _ = try await (uploading, downloading, flooding)
            // Generous, as the machine is shared; without turns it would be a whole transfer, or thousands of requests.
            #expect(times[150] < .milliseconds(40))
            #expect(times[296] < .milliseconds(500), "the slowest: \(times.suffix(5))")
        }
    }

    private func uploadForEver(_ client: RawHTTPClient) async throws {
        try await OwnThread.run {
            try client.send("PUT /check HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n")
            let block = pattern(1 << 20)
            // Ends when the test shuts the socket down.
            while (try? client.send(block)) != nil {}
        }
    }

    private func downloadForEver(_ client: RawHTTPClient) async throws {
        try await OwnThread.run {
            var isOpen = true
            while isOpen {
                // As above.
                isOpen = (try? client.send("GET /zeros HTTP/1.1\r\nHost: a\r\n\r\n")) != nil
                while isOpen, let bytes = try? client.receive() { isOpen = !bytes.isEmpty }
            }
        }
    }

    /// Reads and writes at once, or both sides would come to a stop.
    private func floodForEver(_ client: RawHTTPClient) async throws {
        async let reading: Void = OwnThread.run { while let bytes = try? client.receive(), !bytes.isEmpty {} }
        try await OwnThread.run {
            let requests = String(repeating: "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", count: 10_000)
            while (try? client.send(requests)) != nil {}
        }
        try await reading
    }
}
