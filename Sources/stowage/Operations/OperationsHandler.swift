import HTTPServer
import RegistryAPI

/// The endpoints for whoever runs the server; everything else goes to the registry.
///
/// With access control metrics and statistics are for those who may `admin`, and so is why the server is not ready.
final class OperationsHandler: HTTPHandler {
    /// What metrics and the audit log call these endpoints.
    private static let label: StaticString = "operations"

    private let registry: any HTTPHandler
    private let access: @Sendable () -> AccessController?
    private let statistics: StatisticsService
    private let metrics: @Sendable () -> [UInt8]
    private let readiness: Readiness
    private let isDraining: @Sendable () -> Bool

    init(
        registry: any HTTPHandler, access: @escaping @Sendable () -> AccessController?,
        statistics: StatisticsService, metrics: @escaping @Sendable () -> [UInt8], readiness: Readiness,
        isDraining: @escaping @Sendable () -> Bool
    ) {
        self.registry = registry
        self.access = access
        self.statistics = statistics
        self.metrics = metrics
        self.readiness = readiness
        self.isDraining = isDraining
    }

    func respond(to request: Request) async throws -> Response {
        // One comparison for the registry's requests.
        guard !request.head.path.utf8.starts(with: "/v2".utf8) else { return try await registry.respond(to: request) }
        switch request.head.path {
        case "/healthz": return try await answer(request) { .text(.ok, "ok") }
        case "/readyz": return try await answer(request) { try await ready(request) }
        case "/metrics":
            return try await answer(request) {
                if let refusal = try await refusal(to: request) { return refusal }
                let type = "text/plain; version=0.0.4; charset=utf-8"
                return Response(.ok, fields: [("Content-Type", type)], body: .bytes(metrics()))
            }
        case "/api/v1/stats": return try await answer(request) { try await refusal(to: request) ?? stats() }
        default: return try await registry.respond(to: request)
        }
    }

    /// The last report; while there is none, when to ask again.
    private func stats() throws -> Response {
        var response: Response
        switch statistics.answer() {
        case .report(let report):
            return Response(.ok, fields: [("Content-Type", "application/json")], body: .bytes(try report.json))
        case .pending: response = .text(.serviceUnavailable, "the statistics are being computed; ask again")
        case .failed: response = .text(.serviceUnavailable, "the statistics could not be computed; the log has why")
        }
        response.fields.append(("Retry-After", "5"))
        return response
    }

    private func answer(_ request: Request, _ respond: () async throws -> Response) async throws -> Response {
        guard request.head.method == .get || request.head.method == .head else {
            var refusal = Response.text(.methodNotAllowed, "only GET and HEAD")
            refusal.fields.append(("Allow", "GET, HEAD"))
            return refusal
        }
        var response = try await respond()
        response.endpoint = Self.label
        return response
    }

    /// Nil for whoever may see what concerns the whole server.
    private func refusal(to request: Request) async throws -> Response? {
        try await access()?.adminRefusal(to: request, Self.label)
    }

    private func ready(_ request: Request) async throws -> Response {
        if isDraining() { return .text(.serviceUnavailable, "shutting down") }
        let problem = await readiness.problem()
        guard try await access()?.isAdmin(request) != false else {
            return problem == nil ? .text(.ok, "ok") : .text(.serviceUnavailable, "the store cannot be used")
        }
        guard let problem else { return .text(.ok, (["ok"] + readiness.details()).joined(separator: "\n")) }
        return .text(.serviceUnavailable, problem)
    }
}
