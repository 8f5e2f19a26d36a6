import EventLoop
import HTTPClient
import Synchronization
import TestSupport
import Testing

@Suite("HTTPDownload")
struct HTTPDownloadTests {
    /// A server that sends `size` bytes and tells how many it could send so far.
    private func server(size: Int, sent: Guarded<Int>, ended: Guarded<Int> = Guarded(0)) throws -> ScriptedServer {
        try ScriptedServer { connection in
            connection.shrinkSendBuffer()
            defer { ended.change { $0 += 1 } }
            while true {
                _ = try connection.request()
                try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
                let block = sampleBytes(16 << 10)
                for start in stride(from: 0, to: size, by: block.count) {
                    let count = min(block.count, size - start)
                    try connection.send(count == block.count ? block : Array(block[..<count]))
                    sent.change { $0 += count }
                }
            }
        }
    }

    @Test("every byte arrives, in order", arguments: [0, 1, 16 << 10, (16 << 10) + 1, 3_000_001])
    func whole(size: Int) async throws {
        let server = try server(size: size, sent: Guarded(0))
        let download = try await TestHTTP.client().open(HTTPRequest(url: server.origin))
        #expect((download.status, download.contentLength) == (200, size))
        let block = sampleBytes(16 << 10)
        var expected: [UInt8] = []
        while expected.count < size { expected += block.prefix(size - expected.count) }
        #expect(try await download.bytes(limit: size) == expected)
    }

    @Test("a reader that takes its time makes the server wait")
    func backPressure() async throws {
        let sent = Guarded(0)
        let size = 32 << 20
        let server = try server(size: size, sent: sent)
        var request = HTTPRequest(url: server.origin)
        request.limits.stall = 500
        let download = try await TestHTTP.client().open(request)
        var read = 0
        var isFirst = true
        var most = 0
        try await download.forEachChunk { span in
            if isFirst {
                isFirst = false
                // Until the server gets no further, and for longer than a transfer may stand still on its own.
                var last = -1
                var quiet = 0
                try await eventually {
                    quiet = sent.value == last ? quiet + 1 : 0
                    last = sent.value
                    return quiet > 500
                }
            }
            read += span.byteCount
            most = max(most, sent.value - read)
        }
        #expect(read == size)
        // Two buffers wait, one is being read; the rest is the kernel's (its receive buffer grows up to 6 MiB).
        #expect(most < 10 << 20)
    }

    @Test("letting go of a download closes its connection and frees its place")
    func letsGo() async throws {
        let (sent, ended) = (Guarded(0), Guarded(0))
        let server = try server(size: 64 << 20, sent: sent, ended: ended)
        let client = try TestHTTP.client(connections: 1)
        for round in 1...3 {
            do {
                let download = try await client.open(HTTPRequest(url: server.origin))
                _ = try await download.next(used: nil)
            }
            try await eventually { ended.value == round }
        }
        #expect(server.connections == 3)
    }

    @Test("an error of the reader ends the download too")
    func readerFails() async throws {
        struct Enough: Error {}
        let ended = Guarded(0)
        let server = try server(size: 64 << 20, sent: Guarded(0), ended: ended)
        await #expect(throws: Enough.self) {
            try await TestHTTP.client().open(HTTPRequest(url: server.origin)).forEachChunk { _ in throw Enough() }
        }
        try await eventually { ended.value == 1 }
    }

    @Test("a reader that waits is woken when its task or the download is cancelled", arguments: [true, false])
    func cancelled(isTask: Bool) async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.request()
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            connection.waitForEnd()
        }
        let download = try await TestHTTP.client().open(HTTPRequest(url: server.origin))
        let read = Guarded(0)
        let task = Task {
            try await download.forEachChunk { span in
                let count = span.byteCount
                read.change { $0 += count }
            }
        }
        try await eventually { read.value == 3 }
        if isTask { task.cancel() } else { download.cancel() }
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("the connection serves on after a download that was read to its end")
    func keepsAlive() async throws {
        let server = try server(size: 1_000_000, sent: Guarded(0))
        let client = try TestHTTP.client()
        for _ in 0..<3 {
            let download = try await client.open(HTTPRequest(url: server.origin))
            #expect(try await download.bytes(limit: 1_000_000).count == 1_000_000)
        }
        #expect(server.connections == 1)
    }
}
