import HTTPServer

/// The endpoints for whoever runs the server; everything else goes to the registry.
final class OperationsHandler: HTTPHandler {
    private let registry: any HTTPHandler
    private let metrics: @Sendable () -> [UInt8]
    private let readiness: Readiness
    private let isDraining: @Sendable () -> Bool

    init(
        registry: any HTTPHandler, metrics: @escaping @Sendable () -> [UInt8], readiness: Readiness,
        isDraining: @escaping @Sendable () -> Bool
    ) {
        self.registry = registry
        self.metrics = metrics
        self.readiness = readiness
        self.isDraining = isDraining
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
        guard let problem = await readiness.problem() else {
            return .text(.ok, (["ok"] + readiness.details()).joined(separator: "\n"))
        }
        return .text(.serviceUnavailable, problem)
    }
}
