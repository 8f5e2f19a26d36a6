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
        var label: StaticString = "other"
        do {
            guard let endpoint = try Endpoint(path: request.head.path) else { return Self.notFound }
            label = endpoint.label
            guard let query = Query(request.head.query) else {
                throw StatusError(
                    status: .badRequest, error: RegistryError(.unsupported, "the query is not percent-encoded UTF-8"))
            }
            var response = try await respond(to: request, endpoint, query)
            response.endpoint = label
            return response
        } catch {
            // The client is gone, and what it had begun was cancelled, which fails in many ways.
            if Task.isCancelled { throw ConnectionClosed() }
            guard var response = ErrorResponder.response(to: error) else { throw error }
            if response.status.code >= 500 { onFailure(error, request.id) }
            if let error = error as? UploadOffsetError,
                case .upload(let name, _)? = try Endpoint(path: request.head.path)
            {
                response.fields += UploadEndpoint.fields(name, id: error.id, token: error.token, offset: error.offset)
            }
            response.endpoint = label
            return response
        }
    }

    private func respond(to request: Request, _ endpoint: Endpoint, _ query: Query) async throws -> Response {
        let settings = settings
        let method = request.head.method
        if settings.readOnly, method != .get, method != .head { return Self.readOnly }
        let repositories = settings.repositories
        let response: Response? =
            switch endpoint {
            case .base: BaseEndpoint.respond(method)
            case .catalog:
                try await ListEndpoints(repositories: repositories, query: query).catalog(method)
            case .tags(let name):
                try await ListEndpoints(repositories: repositories, query: query).tags(of: name, method)
            case .referrers(let name, let subject):
                try await ListEndpoints(repositories: repositories, query: query).referrers(
                    of: subject, in: name, method)
            case .manifest(let name, let reference):
                try await ManifestEndpoint(repository: repositories.repository(name), reference: reference)
                    .respond(to: request, query)
            case .blob(let name, let digest):
                try await BlobEndpoint(
                    repository: repositories.repository(name), digest: digest, pulls: settings.pulls
                ).respond(to: request)
            case .uploads(let name):
                try await UploadEndpoint(repository: repositories.repository(name)).begin(request, query)
            case .upload(let name, let token):
                try await UploadEndpoint(repository: repositories.repository(name)).respond(to: request, token, query)
            }
        return response
            ?? Self.methodNotAllowed("the endpoint does not have this method", allowed: endpoint.allowedMethods)
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
