package import OCI
import ObjectStorage

/// The upload sessions of a repository. A session is a signed token the client carries; the store has only its bytes.
package struct Uploads: Sendable {
    /// A session with nothing in it yet.
    package struct Session: Sendable {
        package let id: UploadID
        package let token: String
    }

    let repository: Repository
    private var registry: Repositories { repository.registry }

    init(repository: Repository) {
        self.repository = repository
    }

    /// Starts a session; writes nothing. `algorithm` is what the client announced its digest will use.
    package func begin(algorithm: Digest.Algorithm = .sha256) -> Session {
        let token = newToken(algorithm)
        return Session(id: token.id, token: text(of: token))
    }

    /// An upload whose bytes and digest all come in one request.
    package func single(expecting digest: Digest) -> BlobUpload {
        BlobUpload(repository: repository, token: newToken(digest.algorithm), parts: [])
    }

    /// Goes on with the session of a token; `BLOB_UPLOAD_UNKNOWN` when it is forged, foreign, expired or cancelled.
    package func resume(_ text: String) async throws -> BlobUpload {
        let token = registry.signer.token(
            text, repository: repository.name, subject: repository.subject, now: registry.now())
        guard let token else { throw RegistryError.uploadUnknown }
        let parts = try await UploadPart.all(of: token.id, in: repository.store)
        return BlobUpload(repository: repository, token: token, parts: parts)
    }

    private func newToken(_ algorithm: Digest.Algorithm) -> UploadToken {
        UploadToken(
            id: UploadID(), expiry: registry.now() + registry.options.uploadAge, offset: 0,
            hasher: ContentHasher(algorithm))
    }

    private func text(of token: UploadToken) -> String {
        registry.signer.text(of: token, repository: repository.name, subject: repository.subject)
    }
}

/// One request's bytes of an upload, as an object of their own.
struct UploadPart: Sendable {
    let key: ObjectKey
    let offset: Int
    let size: Int

    /// Objects one session may have: more requests than that are no upload but an attack.
    static let maximumCount = 10_000

    /// The parts of a session without gaps from the start; `BLOB_UPLOAD_UNKNOWN` when it was cancelled.
    static func all(of id: UploadID, in store: any ObjectStore) async throws -> [UploadPart] {
        var parts: [UploadPart] = []
        var position: String?
        while true {
            let page = try await store.list(prefix: StorageLayout.upload(id), after: position, limit: 1000)
            for object in page.objects {
                if object.key == StorageLayout.uploadCancelled(id) { throw RegistryError.uploadUnknown }
                guard let offset = StorageLayout.uploadOffset(of: object.key, of: id),
                    offset == parts.last.map({ $0.offset + $0.size }) ?? 0
                else { continue }
                parts.append(UploadPart(key: object.key, offset: offset, size: object.size))
            }
            guard page.isTruncated, let last = page.objects.last else { return parts }
            position = last.key.string
        }
    }
}
