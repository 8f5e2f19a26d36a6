import HTTPServer
import Synchronization

/// The endpoints for whoever runs the server; everything else goes to the registry.
final class OperationsHandler: HTTPHandler {
    /// Whether the store can be used, asked at most once in this many seconds, however often somebody looks.
    private static let readinessAge = 2

    private let registry: any HTTPHandler
    private let metrics: @Sendable () -> [UInt8]
    private let probe: @Sendable () async throws -> Void
    private let isDraining: @Sendable () -> Bool
    private let clock: @Sendable () -> Int
    private let readiness = Mutex<(time: Int, problem: String?)?>(nil)

    init(
        registry: any HTTPHandler, metrics: @escaping @Sendable () -> [UInt8],
        probe: @escaping @Sendable () async throws -> Void, isDraining: @escaping @Sendable () -> Bool,
        clock: @escaping @Sendable () -> Int
    ) {
        self.registry = registry
        self.metrics = metrics
        self.probe = probe
        self.isDraining = isDraining
        self.clock = clock
    }

    func respond(to request: Request) async throws -> Response {
        // One comparison for the registry's requests.
        guard !request.head.path.utf8.starts(with: "/v2".utf8) else { return try await registry.respond(to: request) }
        switch request.head.path {
        case "/healthz": return answer(request, .text(.ok, "ok"))
        case "/readyz": return answer(request, await ready())
        case "/metrics":
            let type = "text/plain; version=0.0.4; charset=utf-8"
            return answer(request, Response(.ok, fields: [("Content-Type", type)], body: .bytes(metrics())))
        default: return try await registry.respond(to: request)
        }
    }

    private func answer(_ request: Request, _ response: Response) -> Response {
        guard request.head.method == .get || request.head.method == .head else {
            var refusal = Response.text(.methodNotAllowed, "only GET and HEAD")
            refusal.fields.append(("Allow", "GET, HEAD"))
            return refusal
        }
        var response = response
        response.endpoint = "operations"
        return response
    }

    private func ready() async -> Response {
        if isDraining() { return .text(.serviceUnavailable, "shutting down") }
        let now = clock()
        var known = readiness.withLock { $0 }
        if known.map({ now - $0.time >= Self.readinessAge }) ?? true {
            known = (now, await problem())
            readiness.withLock { $0 = known }
        }
        guard let problem = known?.problem else { return .text(.ok, "ok") }
        return .text(.serviceUnavailable, problem)
    }

    private func problem() async -> String? {
        do {
            try await probe()
            return nil
        } catch {
            return "\(error)"
        }
    }
}
