package import EventLoop
import Glibc
package import OCI
package import ObjectStorage

/// Which blobs a caller may see in a repository that does not hold them itself.
package enum Visibility: Sendable {
    /// The caller may pull every repository: a blob that is in the store is visible everywhere.
    case everyBlob
    /// Only what the repository links: nothing betrays whether another repository has a blob.
    case linkedBlobs
}

/// What to do with a manifest that refers to content the repository does not have.
package enum MissingReferences: String, Codable, Sendable, CaseIterable {
    case reject, accept
}

/// The registry behind its protocol: every repository of one store.
package struct Repositories: Sendable {
    /// The choices an operator has.
    package struct Options: Sendable {
        package var missingReferences = MissingReferences.reject
        /// Seconds an upload session may be idle before its bytes are removed.
        package var uploadAge = 86_400
        /// Whether nothing at all may be written, not even the records that make reading faster.
        package var readOnly = false
        /// Reads the bytes of `s3lo.yaml`; without it nobody looks at that file.
        package var s3loSettings: (@Sendable ([UInt8]) throws -> S3loSettings)?

        package init() {}
    }

    let store: any ObjectStore
    let blockingWork: BlockingWork
    /// Where large manifests are parsed.
    let parsing = BlockingWork(width: 2)
    package let options: Options
    let signer: UploadTokenSigner
    let findings: RecentFindings
    let versions: VerifiedVersions
    let s3lo = S3loMemory()
    /// Seconds since 1970.
    let now: @Sendable () -> Int

    /// Opens the registry in `store`; makes the upload secret there if it has none and may write.
    package init(
        store: any ObjectStore, blockingWork: BlockingWork, options: Options = Options(), readOnly: Bool = false,
        now: @escaping @Sendable () -> Int = { time(nil) }
    ) async throws {
        self.store = store
        self.blockingWork = blockingWork
        self.options = options
        self.now = now
        findings = RecentFindings(clock: now)
        versions = VerifiedVersions(clock: now)
        signer = UploadTokenSigner(secret: try await UploadSecret.load(from: store, readOnly: readOnly))
    }

    /// The same registry with other options.
    package init(_ other: Repositories, options: Options) {
        (store, blockingWork, signer, now) = (other.store, other.blockingWork, other.signer, other.now)
        (findings, versions) = (other.findings, other.versions)
        self.options = options
    }

    /// A handle on one repository, which need not exist. `subject` is who asks, as far as uploads are bound to it.
    package func repository(
        _ name: RepositoryName, visibility: Visibility = .everyBlob, subject: String = ""
    ) -> Repository {
        Repository(name: name, visibility: visibility, subject: subject, registry: self)
    }

    /// Whether the store answers; throws what is wrong when not.
    package func probe(readOnly: Bool) async throws {
        try await store.probe(readOnly: readOnly)
    }
}

/// A handle on one repository.
package struct Repository: Sendable {
    package let name: RepositoryName
    let visibility: Visibility
    let subject: String
    let registry: Repositories

    var store: any ObjectStore { registry.store }

    package var blobs: Blobs { Blobs(repository: self) }
    package var manifests: Manifests { Manifests(repository: self) }
    package var tags: Tags { Tags(repository: self) }
    package var referrers: Referrers { Referrers(repository: self) }
    package var uploads: Uploads { Uploads(repository: self) }

    /// Whether the repository has or had a manifest.
    package func exists() async throws -> Bool {
        try await store.head(StorageLayout.catalog(name)) != nil
    }

    /// Puts the repository into the catalog.
    func enterCatalog() async throws {
        let finding = RecentFindings.Finding.catalog(name)
        guard !registry.findings.has(finding) else { return }
        let moment = registry.findings.moment
        do {
            try await store.put([], at: StorageLayout.catalog(name), metadata: ObjectMetadata(), condition: .absent)
        } catch ObjectStoreError.preconditionFailed {
            // It is there already.
        }
        registry.findings.note(finding, asOf: moment)
    }
}
