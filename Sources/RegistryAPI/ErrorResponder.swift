import HTTPServer
import OCI
import ObjectStorage
import Registry

/// A RegistryError that needs another status than its code usually has.
struct StatusError: Error {
    let status: Status
    let error: RegistryError
}

/// The one place that turns errors into statuses and bodies (distribution-spec, "Error Codes").
enum ErrorResponder {
    /// The answer to `error`; nil for an error that is not for clients.
    static func response(to error: any Error) -> Response? {
        switch error {
        case let error as RegistryError:
            return response(status(of: error.code), [error])
        case let error as StatusError:
            return response(error.status, [error.error])
        case let error as UploadOffsetError:
            return response(
                .rangeNotSatisfiable,
                [RegistryError(.blobUploadInvalid, "the upload goes on at byte \(error.offset)")])
        case let error as MissingReferencesError:
            return response(.badRequest, error.digests.prefix(maximumErrors).map(missing))
        case ObjectStoreError.unsupportedKey(_, let reason):
            return response(.badRequest, [RegistryError(.nameInvalid, "this store cannot hold the name: \(reason)")])
        case ObjectStoreError.full:
            return response(.insufficientStorage, [RegistryError(.unavailable, "the store is full")])
        case let error as BodyError:
            return response(error.status, [RegistryError(code(of: error.status), error.reason)])
        case is ObjectStoreError:
            return response(.serviceUnavailable, [RegistryError(.unavailable, "the store failed; try again")])
        default:
            return nil
        }
    }

    static func response(_ status: Status, _ errors: [RegistryError]) -> Response {
        let body = ErrorBody(
            errors: errors.map { ErrorBody.Entry(code: $0.code, message: $0.message, detail: $0.detail) })
        var response = Response(status, body: .bytes(body.encoded()))
        response.fields = [("Content-Type", "application/json")]
        if status == .serviceUnavailable { response.fields.append(("Retry-After", "2")) }
        return response
    }

    /// What the specification calls a body that broke a rule or a limit of the server.
    private static func code(of status: Status) -> ErrorCode {
        switch status {
        case .contentTooLarge: .sizeInvalid
        case .serviceUnavailable: .unavailable
        default: .blobUploadInvalid
        }
    }

    /// Errors in one body: enough to see what is missing.
    private static let maximumErrors = 100

    private static func missing(_ digest: Digest) -> RegistryError {
        RegistryError(
            .manifestBlobUnknown, "the manifest refers to content unknown to the repository",
            detail: .values(["digest": digest.string]))
    }

    private static func status(of code: ErrorCode) -> Status {
        switch code {
        case .blobUnknown, .blobUploadUnknown, .manifestUnknown, .nameUnknown: .notFound
        case .blobUploadInvalid, .digestInvalid, .manifestBlobUnknown, .manifestInvalid, .nameInvalid, .tagInvalid,
            .paginationNumberInvalid:
            .badRequest
        case .sizeInvalid: .contentTooLarge
        case .unauthorized: .unauthorized
        case .denied: .forbidden
        case .unsupported: .methodNotAllowed
        case .tooManyRequests: .tooManyRequests
        case .unknown: .internalServerError
        case .unavailable: .serviceUnavailable
        }
    }
}
