import EventLoop
import HTTPServer
import Synchronization
import TestSupport
import Testing

@Suite("Connections and responses", .serialized, .overBothTransports, .timeLimit(.minutes(1)))
struct ConnectionTests {
    @Test("one connection serves many requests")
    func keepAlive() async throws {
        try await withEngine { engine in
            let client = try engine.client()
            for _ in 0..<50 {
                let response = try client.request("GET", "/hello")
                #expect(response.status == 200)
                #expect(response.text == "hello")
                #expect(response["Connection"] == nil)
                #expect(response["Date"]?.hasSuffix(" GMT") == true)
            }
            #expect(engine.server.openConnections == 1)
            #expect(try await engine.exchanges(50).count == 50)
        }
    }

    @Test(
        "when the connection ends",
        arguments: [
            ("HTTP/1.1", [String](), nil as String?),
            ("HTTP/1.1", ["Connection: close"], "close"),
            ("HTTP/1.1", ["Connection: Keep-Alive, Close"], "close"),
            ("HTTP/1.0", [], "close"),
            ("HTTP/1.0", ["Connection: keep-alive"], "keep-alive"),
            ("HTTP/1.0", ["Connection: keep-alive", "Connection: close"], "close"),
        ])
    func persistence(_ version: String, _ fields: [String], _ connection: String?) async throws {
        try await withEngine { engine in
            let client = try engine.client()
            let head = (["GET /hello \(version)", "Host: test"] + fields).joined(separator: "\r\n") + "\r\n\r\n"
            try client.send(head)
            let response = try client.readResponse()
            #expect(response.text == "hello")
            #expect(response["Connection"] == connection)
            if connection == "close" {
                #expect(try client.receiveToEnd() == [])
            } else {
                try client.send(head)
                #expect(try client.readResponse().text == "hello")
            }
        }
    }

    @Test(
        "a HEAD has the length of the GET and no body",
        arguments: [
            ("/hello", "5"), ("/bytes?n=100000", "100000"), ("/file", "\(SmallHandler.fileSize)"),
            ("/omitted?n=12345678901", "12345678901"), ("/nowhere", "0"),
        ])
    func head(_ target: String, _ length: String) async throws {
        try await withEngine { engine in
            let client = try engine.client()
            for _ in 0..<3 {
                let response = try client.request("HEAD", target)
                #expect(response["Content-Length"] == length)
            }
            // Nothing was sent behind the heads.
            #expect(try client.request("GET", "/hello").text == "hello")
            #expect(try await engine.exchanges(4).map(\.bytesOut) == [0, 0, 0, 5])
        }
    }

    @Test("statuses without a body have no length", arguments: [204, 304])
    func noBody(_ status: Int) async throws {
        try await withEngine { engine in
            let client = try engine.client()
            let response = try client.request("GET", "/status?n=\(status)")
            #expect(response.status == status)
            #expect(response["Content-Length"] == nil)
            #expect(try client.request("GET", "/hello").text == "hello")
        }
    }

    @Test("a handler that throws costs its request a 500, the connection goes on")
    func failure() async throws {
        try await withEngine { engine in
            let client = try engine.client()
            let response = try client.request("GET", "/fail", fields: ["X-Request-Id: my-id"])
            #expect(response.status == 500)
            #expect(response.text.contains("my-id"))
            #expect(!response.text.contains("Failure"))
            #expect(engine.failures.value == ["my-id"])
            #expect(try client.request("GET", "/hello").text == "hello")
            // Also with a body of which it has read a part.
            let partly = try client.request("PUT", "/first", body: pattern(50_000))
            #expect(partly.status == 500)
            #expect(try client.request("GET", "/hello").text == "hello")
        }
    }

    @Test("no field value can end its line")
    func splitting() async throws {
        try await withEngine { engine in
            let client = try engine.client()
            let response = try client.request("GET", "/split")
            #expect(response.values("Set-Cookie").isEmpty)
            #expect(response["Location"]?.hasPrefix("/a  Set-Cookie: evil") == true)
            #expect(try client.request("GET", "/hello").text == "hello")
        }
    }

    @Test("request identifiers are echoed if they are fit for it, and made up if not")
    func requestIDs() async throws {
        try await withEngine { engine in
            let client = try engine.client()
            #expect(try client.request("GET", "/hello", fields: ["X-Request-Id: abc-1"])["X-Request-Id"] == "abc-1")
            var made: Set<String> = []
            for fields in [
                [], ["X-Request-Id:"], ["X-Request-Id: a b"], ["X-Request-Id: \u{e9}"], ["X-Request-Id: \"\""],
                ["X-Request-Id: " + String(repeating: "a", count: 129)],
            ] {
                let id = try client.request("GET", "/hello", fields: fields)["X-Request-Id"]
                made.insert(try #require(id))
            }
            #expect(made.count == 6)
            #expect(made.allSatisfy { $0.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f } && $0.utf8.count < 64 })
            #expect(try await engine.exchanges(7).map(\.requestID).dropFirst().allSatisfy { made.contains($0) })
        }
    }

    @Test("targets in absolute form are answered as those in origin form")
    func absoluteForm() async throws {
        try await withEngine { engine in
            let client = try engine.client()
            #expect(try client.request("GET", "http://elsewhere/target?a=b").text == "/target?a=b")
        }
    }

    @Test("connections are spread evenly over the loops, also when they come at once")
    func spreading() async throws {
        try await withEngine(loops: 2) { engine in
            let clients = try (0..<64).map { _ in try engine.client() }
            for client in clients { #expect(try client.request("GET", "/hello").status == 200) }
            // One registration is the listener's.
            let loads = engine.loops.map { $0.load.load(ordering: .relaxed) }
            #expect(loads.reduce(0, +) == 65)
            #expect(loads.allSatisfy { $0 >= 32 && $0 <= 33 }, "\(loads)")
        }
    }
}
