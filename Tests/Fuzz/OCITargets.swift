import OCI
import Registry

extension FuzzTarget {
    /// Repository names and tags: what is accepted prints as it was, and cannot leave its place in a path.
    static let names = FuzzTarget(name: "names") { bytes in
        guard let text = text(bytes) else { return }
        if let name = try? RepositoryName(text) {
            precondition(name.string == text && isPlain(text), "a name that escapes")
            precondition(text.utf8.count <= RepositoryName.maximumLength, "a name without limit")
            precondition(text.utf8.allSatisfy { !(0x41...0x5a).contains($0) }, "an upper-case name")
        }
        if let tag = try? Tag(text) {
            precondition(tag.string == text && isPlain(text) && !text.utf8.contains(0x2f), "a tag that escapes")
            precondition(text.utf8.count <= Tag.maximumLength, "a tag without limit")
        }
    }

    /// Whether a path made of `text` stays where it is put and stays clear of the private keys.
    static func isPlain(_ text: String) -> Bool {
        let components = text.utf8.split(separator: 0x2f, omittingEmptySubsequences: false)
        let allowed = { (byte: UInt8) in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f: true
            default: false
            }
        }
        return components.allSatisfy { component in
            !component.isEmpty && !component.elementsEqual([0x2e]) && !component.elementsEqual([0x2e, 0x2e])
                && component.allSatisfy(allowed)
        }
    }

    /// Digests: what is accepted prints as it was.
    static let digests = FuzzTarget(name: "digests") { bytes in
        guard let text = text(bytes), let digest = try? Digest(text) else { return }
        precondition(digest.string == text, "a digest that changes")
        precondition(digest.hex.utf8.count == digest.algorithm.hexLength, "a digest of another length")
        let isHexadecimal = digest.hex.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        precondition(isHexadecimal, "a digest that is no number")
    }

    /// References: a tag or a digest, never both.
    static let references = FuzzTarget(name: "references") { bytes in
        guard let text = text(bytes), let reference = try? Reference(text) else { return }
        precondition(reference.description == text, "a reference that changes")
        if case .tag = reference { precondition(!text.utf8.contains(0x3a), "a tag with a colon") }
    }

    /// Manifests: what is accepted keeps its bytes and its limits, and says of itself what it was accepted as.
    static let manifests = FuzzTarget(name: "manifests") { bytes in
        let digest = Digest(of: bytes)
        let detected = Manifest.detectMediaType(bytes)
        guard let manifest = try? Manifest(bytes: bytes, contentType: nil, digest: digest) else { return }
        precondition(manifest.bytes == bytes && manifest.digest == digest, "a manifest that changes")
        precondition(manifest.mediaType == detected, "the type depends on who asks")
        precondition(manifest.references.count <= Manifest.maximumReferences, "references without limit")
        precondition(manifest.kind == .index || manifest.manifests.isEmpty, "an image with children")
        precondition(manifest.kind != .index || (manifest.layers.isEmpty && manifest.config == nil), "two in one")
        _ = ReferrersIndex(manifests: [manifest.referrerDescriptor()]).encoded()
        let again = try? Manifest(bytes: bytes, contentType: manifest.mediaType, digest: digest)
        precondition(again?.references == manifest.references, "the same bytes are read otherwise")
    }
}
