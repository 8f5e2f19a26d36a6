import ObjectStorage
import TestSupport
import Testing

@testable import Registry

/// Positions of listings that must not tell what is there.
@Suite struct SealedPositionTests {
    @Test func goesBackAndForth() async throws {
        let registry = try await Repositories.open(MemoryObjectStore())
        let longest = String(repeating: "a", count: 255)
        for entry in ["", "a", "team/app", "v1.0-x", longest] {
            let sealed = registry.sealedPosition(behind: entry, for: "bob")
            #expect(registry.position(sealed, for: "bob") == entry)
            #expect(sealed.utf8.count == registry.sealedPosition(behind: longest, for: "alice").utf8.count)
            #expect(entry.isEmpty || !sealed.contains(entry) || entry == "a")
        }
    }

    @Test func whatIsNotSealedIsTakenAsItIs() async throws {
        let registry = try await Repositories.open(MemoryObjectStore())
        for text in ["", "a", "zz", "\u{0}", "team/app~"] { #expect(registry.position(text, for: "bob") == text) }
    }

    @Test func whatNobodySealedForThisReaderIsNoPosition() async throws {
        let registry = try await Repositories.open(MemoryObjectStore())
        let sealed = registry.sealedPosition(behind: "team/app", for: "bob")
        let other = try await Repositories.open(MemoryObjectStore()).sealedPosition(behind: "team/app", for: "bob")
        let changed = sealed.dropLast() + (sealed.last == "A" ? "B" : "A")
        for text in ["~", "~~", "~AAAA", String(changed), sealed + "A", other, "~ü"] {
            #expect(registry.position(text, for: "bob") == nil)
        }
        for reader in ["", "alice", "bo", "bob\u{0}"] { #expect(registry.position(sealed, for: reader) == nil) }
    }
}
