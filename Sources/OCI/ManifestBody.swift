/// The members of a manifest that are read, of whichever kind it is.
struct ManifestBody: Decodable {
    let schemaVersion: Int?
    let config: Descriptor?
    let layers: [Descriptor]?
    let manifests: [Descriptor]?
    let blobs: [Descriptor]?
    let subject: Descriptor?
    let artifactType: String?
    let annotations: [String: String]?

    /// Decodes JSON that an outline has found to be one object.
    init(_ bytes: [UInt8]) throws(ManifestError) {
        do {
            self = try decodeJSON(ManifestBody.self, from: bytes)
        } catch {
            throw ManifestError(error)
        }
    }

    /// Requires schema version 2; artifact manifests have no version.
    func checkVersion(_ kind: Manifest.Kind) throws(ManifestError) {
        switch schemaVersion {
        case 2?: break
        case nil where kind == .artifact: break
        case nil: throw .missing("schemaVersion")
        case let version?: throw .invalid(path: "schemaVersion", problem: "expected 2, found \(version)")
        }
    }
}

extension ManifestError {
    /// Says in this registry's words what the decoder did not find where.
    fileprivate init(_ error: any Error) {
        switch error {
        case DecodingError.keyNotFound(let key, let context):
            self = .missing(Self.path(context.codingPath + [key]))
        case DecodingError.typeMismatch(let type, let context), DecodingError.valueNotFound(let type, let context):
            self = .invalid(path: Self.path(context.codingPath), problem: "expected \(Self.name(of: type))")
        case DecodingError.dataCorrupted(let context):
            self = .invalid(path: Self.path(context.codingPath), problem: context.debugDescription)
        default:
            self = .invalid(path: "", problem: "\(error)")
        }
    }

    /// `layers[3].digest`
    private static func path(_ keys: [any CodingKey]) -> String {
        keys.reduce(into: "") { path, key in
            if let index = key.intValue {
                path += "[\(index)]"
            } else {
                path += path.isEmpty ? key.stringValue : "." + key.stringValue
            }
        }
    }

    private static func name(of type: Any.Type) -> String {
        switch type {
        case is String.Type, is Digest.Type: "a string"
        case is Int.Type: "an integer"
        case is [Descriptor].Type, is [String].Type, is [Any].Type: "an array"
        default: "an object"
        }
    }
}
