/// Why bytes are no manifest that this registry takes.
package enum ManifestError: Error, Equatable, Sendable, CustomStringConvertible {
    /// More bytes than `Manifest.maximumSize`; how many there are.
    case tooLarge(Int)
    /// Bytes that are not UTF-8, from this offset on.
    case notUTF8(offset: Int)
    /// A byte order mark at the start, which JSON does not allow.
    case byteOrderMark
    /// Text that is not one JSON object, repeats a key, nests too deep or holds too many values.
    case malformedJSON(reason: String, offset: Int)
    /// A required member that is not there, by its path.
    case missing(String)
    /// A member that is not what it should be, by its path, and what is wrong with it.
    case invalid(path: String, problem: String)
    /// Members of an image and of an index in one body.
    case ambiguousKind
    /// The `mediaType` in the body is not the content type the body was sent with.
    case mediaTypeMismatch(body: String, contentType: String)
    /// A media type that is none of the five.
    case unsupportedMediaType(String)
    /// A manifest of Docker's schema 1.
    case dockerSchema1
    /// Neither the content type nor the body tells what the manifest is.
    case unknownMediaType
    /// More descriptors than `Manifest.maximumReferences`; how many there are.
    case tooManyReferences(Int)

    package var description: String {
        switch self {
        case .tooLarge(let size): "the manifest has \(size) bytes; \(Manifest.maximumSize) are the limit"
        case .notUTF8(let offset): "the manifest is not UTF-8 at byte \(offset)"
        case .byteOrderMark: "the manifest starts with a byte order mark; JSON has none"
        case .malformedJSON(let reason, let offset): "the manifest is not acceptable JSON at byte \(offset): \(reason)"
        case .missing(let path): "\(path.excerpt) is missing"
        case .invalid(let path, let problem): "\(path.excerpt): \(problem)"
        case .ambiguousKind: "the manifest has \"manifests\" beside \"config\" or \"layers\"; it must be one kind only"
        case .mediaTypeMismatch(let body, let contentType):
            "\"mediaType\" is \(body.excerpt), but the content type is \(contentType.excerpt)"
        case .unsupportedMediaType(let type): "unsupported media type \(type.excerpt): expected \(Self.supported)"
        case .dockerSchema1: "Docker manifests of schema 1 are not supported: push the image with a current client"
        case .unknownMediaType: "\"mediaType\" is missing and the content type is unknown: expected \(Self.supported)"
        case .tooManyReferences(let count):
            "the manifest refers to \(count) descriptors; \(Manifest.maximumReferences) are the limit"
        }
    }

    private static var supported: String {
        "one of " + MediaType.manifests.map(\.string).joined(separator: ", ")
    }
}
