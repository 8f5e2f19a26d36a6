package import HTTPServer
import OCI
import ObjectStorage
package import Registry
import Synchronization

/// Answers the endpoints of the Distribution specification.
package final class RegistryHandler: HTTPHandler {
    /// What may change while the server runs.
    package struct Settings: Sendable {
        package var repositories: Repositories
        /// Every request that would write gets 405.
        package var readOnly = false
        package var pulls = PullSettings()
        /// Who may do what; nil where everybody may do everything, and nobody looks at credentials.
        package var access: AccessController?

        package init(repositories: Repositories) {
            self.repositories = repositories
        }
    }

    /// Told of store failures, whose reasons are not for clients.
    private let onFailure: @Sendable (_ error: any Error, _ requestID: String) -> Void
    private let current: Mutex<Settings>

    package init(
        _ settings: Settings,
        onFailure: @escaping @Sendable (_ error: any Error, _ requestID: String) -> Void = { _, _ in }
    ) {
        current = Mutex(settings)
        self.onFailure = onFailure
    }

    /// Setting them takes effect with the next request.
    package var settings: Settings {
        get { current.withLock { $0 } }
        set { current.withLock { $0 = newValue } }
    }

    package func respond(to request: Request) async throws -> Response {
        let settings = settings
        var exchange = RegistryExchange()
        var response: Response
        do {
            response = try await respond(to: request, settings, &exchange)
        } catch {
            // The client is gone, and what it had begun was cancelled, which fails in many ways.
            if Task.isCancelled { throw ConnectionClosed() }
            response = try answer(to: error, request, settings, &exchange)
        }
        response.endpoint = exchange.label
        if let limits = exchange.limits { response.body = limits.paced(response.body) }
        settings.access?.audit(exchange, request, response.status)
        return response
    }

    private func respond(
        to request: Request, _ settings: Settings, _ exchange: inout RegistryExchange
    ) async throws -> Response {
        guard let endpoint = try Endpoint(path: request.head.path) else {
            guard request.head.path == TokenEndpoint.path, let endpoint = settings.access.flatMap(TokenEndpoint.init)
            else { return Self.notFound }
            exchange.label = "token"
            return try await endpoint.respond(to: request, &exchange)
        }
        exchange.endpoint = endpoint
        exchange.label = endpoint.label
        guard let query = Query(request.head.query) else {
            throw StatusError(
                status: .badRequest, error: RegistryError(.unsupported, "the query is not percent-encoded UTF-8"))
        }
        if let access = settings.access {
            exchange.caller = try await access.caller(of: request)
            exchange.limits = access.limits(of: exchange.caller, request)
            try exchange.limits?.admit()
        }
        let method = request.head.method
        try endpoint.authorize(exchange.caller, method, query)
        if settings.readOnly, !method.isRead { return Self.readOnly }
        return try await respond(to: request, endpoint, query, settings, exchange)
            ?? Self.methodNotAllowed("the endpoint does not have this method", allowed: endpoint.allowedMethods)
    }

    /// The answer to a request that failed; throws what is not for clients.
    private func answer(
        to error: any Error, _ request: Request, _ settings: Settings, _ exchange: inout RegistryExchange
    ) throws -> Response {
        if let refusal = error as? AccessRefusal, let access = settings.access {
            exchange.refusal = refusal
            return access.response(to: refusal, request, exchange.endpoint?.scopes(request.head) ?? [])
        }
        guard var response = ErrorResponder.response(to: error) else { throw error }
        if response.status.code >= 500 { onFailure(error, request.id) }
        if let error = error as? UploadOffsetError, case .upload(let name, _)? = exchange.endpoint {
            response.fields += UploadEndpoint.fields(name, id: error.id, token: error.token, offset: error.offset)
        }
        return response
    }

    private func respond(
        to request: Request, _ endpoint: Endpoint, _ query: Query, _ settings: Settings, _ exchange: RegistryExchange
    ) async throws -> Response? {
        let repositories = settings.repositories
        let caller = exchange.caller
        let method = request.head.method
        func repository(_ name: RepositoryName) -> Repository {
            repositories.repository(name, visibility: caller.visibility, subject: caller.subject)
        }
        func lists() -> ListEndpoints {
            let looks = settings.access?.settings.looksForPage ?? .max
            return ListEndpoints(repositories: repositories, query: query, caller: caller, looks: looks)
        }
        return switch endpoint {
        case .base: BaseEndpoint.respond(method)
        case .catalog: try await lists().catalog(method)
        case .tags(let name): try await lists().tags(of: name, method)
        case .referrers(let name, let subject): try await lists().referrers(of: subject, in: name, method)
        case .manifest(let name, let reference):
            try await ManifestEndpoint(repository: repository(name), reference: reference, caller: caller)
                .respond(to: request, query)
        case .blob(let name, let digest):
            try await BlobEndpoint(repository: repository(name), digest: digest, pulls: settings.pulls)
                .respond(to: request)
        case .uploads(let name):
            try await UploadEndpoint(repository: repository(name), caller: caller, limits: exchange.limits)
                .begin(request, query)
        case .upload(let name, let token):
            try await UploadEndpoint(repository: repository(name), caller: caller, limits: exchange.limits)
                .respond(to: request, token, query)
        }
    }

    private static let notFound = ErrorResponder.response(
        .notFound, [RegistryError(.unsupported, "no such endpoint; the API begins at /v2/")])

    private static let readOnly = methodNotAllowed("this registry is read-only", allowed: "GET, HEAD")

    private static func methodNotAllowed(_ reason: String, allowed: String) -> Response {
        var response = ErrorResponder.response(.methodNotAllowed, [RegistryError(.unsupported, reason)])
        response.fields.append(("Allow", allowed))
        return response
    }
}

/// What becomes known of a request while it is answered.
struct RegistryExchange {
    var label: StaticString = "other"
    var endpoint: Endpoint?
    var caller = Caller.unrestricted
    var limits: CallerLimits?
    var refusal: AccessRefusal?
}

/// `/v2/`: says that this is a registry.
enum BaseEndpoint {
    private static let content = Array("{}".utf8)

    static func respond(_ method: Method) -> Response? {
        guard method == .get || method == .head else { return nil }
        return Response(
            .ok,
            fields: [("Content-Type", "application/json"), ("Docker-Distribution-Api-Version", "registry/2.0")],
            body: .bytes(content))
    }
}
