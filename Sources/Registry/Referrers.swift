package import OCI
import ObjectStorage

/// The manifests of a repository that refer to another one by `subject`.
package struct Referrers: Sendable {
    /// A page of descriptors. One that is short, even empty, is not the last unless it says so.
    package struct Page: Sendable {
        package let descriptors: [Descriptor]
        /// The digest to go on after; nil at the end.
        package let next: Digest?
    }

    /// Bytes of manifests that a page may be made of: it also bounds the page, which repeats their annotations.
    private static let pageWork = 4 << 20
    private static let pageCount = 1000
    /// Manifests that are read at once.
    private static let parallelReads = 8

    let repository: Repository

    /// Descriptors of the referrers of `subject` after `last` in order of their digests, only those of `artifactType`
    /// when it is given. The subject need not exist.
    package func list(
        of subject: Digest, artifactType: String?, after last: Digest?, limit: Int?
    ) async throws -> Page {
        async let fallback = fallback(subject)
        var digests = Set(try await recorded(subject))
        let tagged = try await fallback
        digests.formUnion(tagged.keys)
        var rest = digests.sorted().drop { digest in last.map { digest <= $0 } ?? false }
        let limit = min(limit ?? Self.pageCount, Self.pageCount)
        var page: [Descriptor] = []
        var work = 0
        var previous = last
        while !rest.isEmpty {
            let batch = rest.prefix(Self.parallelReads)
            rest = rest.dropFirst(batch.count)
            // A page without entries is not worth a look at one.
            if limit == 0 { return Page(descriptors: [], next: previous) }
            let found = try await batch.mapAtOnce(Self.parallelReads) { try await descriptor($0, subject: subject) }
            for (digest, (own, size)) in zip(batch, found) {
                if page.count >= limit || work > Self.pageWork { return Page(descriptors: page, next: previous) }
                previous = digest
                work += size
                guard let descriptor = own ?? tagged[digest] else { continue }
                if let artifactType, descriptor.artifactType != artifactType { continue }
                page.append(descriptor)
            }
        }
        return Page(descriptors: page, next: nil)
    }

    /// The digests listed under the subject, some of which may be gone.
    private func recorded(_ subject: Digest) async throws -> [Digest] {
        let prefix = StorageLayout.referrers(of: subject, in: repository.name)
        var digests: [Digest] = []
        try await repository.store.forEachPage(prefix: prefix) { page in
            digests += page.compactMap { StorageLayout.referrer(ofKey: $0.key, below: prefix) }
        }
        return digests
    }

    /// What the repository's own manifest of that digest says of itself, nil when there is none with that subject, and
    /// how many bytes had to be read for it.
    private func descriptor(_ digest: Digest, subject: Digest) async throws -> (Descriptor?, size: Int) {
        guard let stored = try await repository.manifests.record(digest) else { return (nil, 0) }
        // What was accepted once may not parse under today's rules; it then refers to nothing.
        let manifest = try? await repository.manifests.parse(stored.bytes, stored.mediaType, digest)
        let isReferrer = manifest?.subject?.digest == subject
        return (isReferrer ? manifest?.referrerDescriptor() : nil, stored.bytes.count)
    }

    /// Entries of the index that clients without the referrers API keep under the tag `<alg>-<hex>`
    /// (distribution-spec, "Referrers Tag Schema").
    private func fallback(_ subject: Digest) async throws -> [Digest: Descriptor] {
        // The tag of a sha512 digest is cut to the length a tag may have.
        let name = "\(subject.algorithm.rawValue)-\(subject.hex)".prefix(Tag.maximumLength)
        guard let tag = try? Tag(String(name)) else { return [:] }
        let key = StorageLayout.tag(tag, in: repository.name)
        guard let object = try await repository.store.bytes(of: key, limit: Manifest.maximumSize),
            // Any other manifest may have such a tag: it lists no referrers.
            let index = try? Manifest(bytes: object.bytes, contentType: nil, digest: Digest(of: object.bytes)),
            index.kind == .index
        else { return [:] }
        return Dictionary(index.manifests.map { ($0.digest, $0) }) { first, _ in first }
    }
}
