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
        registry.findings.note(token, parts: [])
        return Session(id: token.id, token: registry.text(of: token, for: repository))
    }

    /// An upload whose bytes and digest all come in one request.
    package func single(expecting digest: Digest) -> BlobUpload {
        BlobUpload(repository: repository, token: newToken(digest.algorithm), parts: [], isRemembered: true)
    }

    /// Goes on with the session of a token; `BLOB_UPLOAD_UNKNOWN` when it is forged, foreign, expired or cancelled.
    ///
    /// The store is asked for what the session has unless this replica gave out the token within the last minute and
    /// has served nothing of the session since. What other replicas may have done to it meanwhile, with older tokens,
    /// does no harm: the token names the hash of the bytes it stands for.
    package func resume(_ text: String) async throws -> BlobUpload {
        let token = registry.signer.token(
            text, repository: repository.name, subject: repository.subject, now: registry.now())
        guard let token else { throw RegistryError.uploadUnknown }
        if let parts = registry.findings.parts(of: token) {
            return BlobUpload(repository: repository, token: token, parts: parts, isRemembered: true)
        }
        let parts = try await UploadPart.all(of: token.id, in: repository.store)
        let chain = UploadPart.chain(of: token, in: parts)
        return BlobUpload(repository: repository, token: token, parts: chain, isRemembered: false)
    }

    private func newToken(_ algorithm: Digest.Algorithm) -> UploadToken {
        UploadToken(
            id: UploadID(), expiry: registry.now() + registry.options.uploadAge, offset: 0,
            hasher: ContentHasher(algorithm))
    }
}

extension Repositories {
    /// The text the client carries.
    func text(of token: UploadToken, for repository: Repository) -> String {
        signer.text(of: token, repository: repository.name, subject: repository.subject)
    }
}
