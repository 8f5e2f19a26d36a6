package import OCI
import ObjectStorage
import Synchronization

/// What Stowage honours of `s3lo.yaml`: which images' tags may be neither moved nor removed.
///
/// Who reads the YAML makes it; the file is s3lo's and never written here.
package struct S3loSettings: Equatable, Sendable {
    /// Whether images are immutable that no pattern speaks of.
    private let defaultImmutable: Bool
    /// In the order in which they are tried.
    private let images: [(pattern: S3loPattern, immutable: Bool?)]

    /// `immutable` of `default`, and of each pattern of `images`; nil where it is not set.
    package init(defaultImmutable: Bool? = nil, images: [String: Bool?] = [:]) {
        self.defaultImmutable = defaultImmutable ?? false
        self.images = images.map { (S3loPattern($0.key), $0.value) }.sorted { one, other in
            Self.precedence(of: one.pattern) < Self.precedence(of: other.pattern)
        }
    }

    /// The first pattern that matches decides alone; where it says nothing, the default does.
    package func isImmutable(_ name: RepositoryName) -> Bool {
        images.first { $0.pattern.matches(name.string) }?.immutable ?? defaultImmutable
    }

    /// Names before patterns, then the longer before the shorter; s3lo leaves open which of two as long comes first.
    private static func precedence(of pattern: S3loPattern) -> (Int, Int, String) {
        (pattern.isExact ? 0 : 1, -pattern.text.utf8.count, pattern.text)
    }

    package static func == (one: S3loSettings, other: S3loSettings) -> Bool {
        one.defaultImmutable == other.defaultImmutable
            && one.images.elementsEqual(other.images) { $0.pattern == $1.pattern && $0.immutable == $1.immutable }
    }
}

extension S3loSettings {
    /// The file as it was found.
    struct Reading: Sendable {
        /// Seconds since 1970.
        let time: Int
        /// Fails with why the file cannot be understood.
        let result: Result<S3loSettings, RegistryError>
    }

    /// The longest file that is read, in bytes.
    static let maximumSize = 1 << 20
    /// Seconds after which the file is read again.
    static let lifetime = 5
}

extension Repositories {
    /// The bucket's settings, at most five seconds old.
    ///
    /// Throws `UNAVAILABLE` while the file cannot be understood: nobody knows then which tags may be changed.
    func s3loSettings() async throws -> S3loSettings {
        guard let parse = options.s3loSettings else { return S3loSettings() }
        let now = now()
        if let last = s3lo.settings.withLock({ $0 }), (0..<S3loSettings.lifetime).contains(now - last.time) {
            return try last.result.get()
        }
        let result = try await readS3loSettings(parse)
        s3lo.settings.withLock { $0 = S3loSettings.Reading(time: now, result: result) }
        return try result.get()
    }

    private func readS3loSettings(
        _ parse: ([UInt8]) throws -> S3loSettings
    ) async throws -> Result<S3loSettings, RegistryError> {
        let file: SmallObject?
        do {
            file = try await store.bytes(of: StorageLayout.s3loSettings, limit: S3loSettings.maximumSize)
        } catch ObjectStoreError.tooLarge(_, let size) {
            return .failure(Self.unreadable("\(size) bytes are too many"))
        }
        guard let file else { return .success(S3loSettings()) }
        do {
            return .success(try parse(file.bytes))
        } catch {
            return .failure(Self.unreadable("\(error)"))
        }
    }

    private static func unreadable(_ reason: String) -> RegistryError {
        RegistryError(
            .unavailable,
            "the bucket's s3lo.yaml cannot be understood, so tags can be neither set nor deleted: \(reason)")
    }
}
