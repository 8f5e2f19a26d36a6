import ArgumentParser
import EventLoop
import Foundation
import Glibc

/// `stowage healthcheck [URL]`
struct HealthCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "healthcheck", abstract: "Ask a running server whether it is well.",
        discussion: """
            For containers, whose image has no other HTTP client: exits with 0 if the answer has status 200, else with \
            1. /healthz says that the server runs, /readyz that its store can be used too.
            """)

    @Argument(help: "A plain http:// URL.")
    var url = "http://127.0.0.1:5000/healthz"

    func run() throws {
        let status: Int
        do {
            status = try StatusQuery(url).answer()
        } catch let error as SystemCallError where error.code == EAGAIN {
            try StandardError.fail("\(url): no answer in \(StatusQuery.timeout) s")
        } catch {
            try StandardError.fail("\(url): \(error)")
        }
        if status != 200 { try StandardError.fail("\(url): status \(status)") }
    }
}

/// One GET request on a blocking connection, for the status of its answer only.
private struct StatusQuery {
    /// Seconds without a byte after which the server counts as stuck.
    static let timeout = 5
    /// More than a status line has.
    private static let longestAnswer = 4 << 10

    /// Why there is no status.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let host: String
    private let port: Int
    private let target: String

    init(_ url: String) throws(Failure) {
        guard let parts = URLComponents(string: url), parts.scheme == "http", let host = parts.host, !host.isEmpty
        else {
            throw Failure(description: "expected http://HOST:PORT/PATH")
        }
        // As inet_pton and getaddrinfo want an IPv6 address.
        self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        port = parts.port ?? 80
        target = parts.percentEncodedPath.isEmpty ? "/" : parts.percentEncodedPath
    }

    /// Sends the request and reads the status. Throws `Failure` or `SystemCallError`.
    func answer() throws -> Int {
        let descriptor = try connect()
        let request = Array(
            "GET \(target) HTTP/1.1\r\nHost: \(host)\r\nUser-Agent: stowage-healthcheck\r\nConnection: close\r\n\r\n"
                .utf8)
        // Shorter than any socket's buffer, so it goes out whole.
        _ = try Posix.call("send") { send(descriptor.number, request, request.count, CInt(MSG_NOSIGNAL)) }
        var answer: [UInt8] = []
        while !answer.contains(UInt8(ascii: "\n")), answer.count < Self.longestAnswer {
            var piece = [UInt8](repeating: 0, count: 512)
            let count = try Posix.call("recv") { recv(descriptor.number, &piece, piece.count, 0) }
            if count == 0 { break }
            answer += piece[..<count]
        }
        let words = String(decoding: answer.prefix { $0 != UInt8(ascii: "\r") }, as: UTF8.self).split(separator: " ")
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            throw Failure(description: "the answer is no HTTP")
        }
        return status
    }

    /// A connection to the first of the host's addresses that takes it.
    private func connect() throws -> OwnedDescriptor {
        var hints = addrinfo()
        hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        var addresses: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &addresses)
        guard code == 0 else { throw Failure(description: String(cString: gai_strerror(code))) }
        defer { freeaddrinfo(addresses) }
        var failure: any Error = Failure(description: "no address")
        for address in sequence(first: addresses, next: { $0?.pointee.ai_next }) {
            guard let address else { break }
            do {
                return try Self.connect(to: address.pointee)
            } catch {
                failure = error
            }
        }
        throw failure
    }

    private static func connect(to address: addrinfo) throws(SystemCallError) -> OwnedDescriptor {
        let type = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = OwnedDescriptor(try Posix.call("socket") { socket(address.ai_family, type, 0) })
        let number = descriptor.number
        var limit = timeval(tv_sec: timeout, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            _ = try Posix.call("setsockopt") {
                setsockopt(number, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
            }
        }
        _ = try Posix.call("connect") { Glibc.connect(number, address.ai_addr, address.ai_addrlen) }
        return descriptor
    }
}
