import Foundation
import OCI
import TestSupport

/// The body of `tags/list`.
struct TagsBody: Decodable {
    let name: String
    let tags: [String]
}

/// The body of `_catalog`.
struct CatalogBody: Decodable {
    let repositories: [String]
}

/// The body of an answer about referrers.
struct IndexBody: Decodable {
    let schemaVersion: Int
    let mediaType: String
    let manifests: [Descriptor]
}

/// The body of an error.
struct ErrorsBody: Decodable {
    struct Entry: Decodable {
        let code: String
        let message: String
        let detail: [String: String]?
    }

    let errors: [Entry]
}

extension Reply {
    func json<Body: Decodable>(_ type: Body.Type) throws -> Body {
        try JSONDecoder().decode(type, from: Data(body))
    }

    /// The codes of the specification in an error's body; empty when it is none.
    var codes: [String] {
        // A body of another shape has no codes, and the test that compares them says so.
        (try? json(ErrorsBody.self))?.errors.map(\.code) ?? []
    }

    /// The target of `Link: <…>; rel="next"`.
    var next: String? {
        guard let link = self["Link"], link.hasPrefix("<"), link.hasSuffix(">; rel=\"next\"") else { return nil }
        return String(link.dropFirst().prefix { $0 != ">" })
    }
}
