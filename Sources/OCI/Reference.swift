/// How a client names a manifest: by tag or by digest (distribution-spec, `<reference>`).
package enum Reference: Hashable, CustomStringConvertible, Sendable {
    case tag(Tag)
    case digest(Digest)

    /// Text with a colon is a digest, any other a tag.
    package init(_ text: String) throws(InvalidReference) {
        if text.utf8.contains(UInt8(ascii: ":")) {
            do throws(DigestError) { self = .digest(try Digest(text)) } catch { throw .digest(error) }
        } else {
            do throws(InvalidTag) { self = .tag(try Tag(text)) } catch { throw .tag(error) }
        }
    }

    /// The text the reference is written as.
    package var description: String {
        switch self {
        case .tag(let tag): tag.string
        case .digest(let digest): digest.string
        }
    }
}

/// Why a text is no reference, by what it was taken for.
package enum InvalidReference: Error, Equatable, Sendable, CustomStringConvertible {
    case digest(DigestError)
    case tag(InvalidTag)

    package var description: String {
        switch self {
        case .digest(let error): error.description
        case .tag(let error): error.description
        }
    }
}
