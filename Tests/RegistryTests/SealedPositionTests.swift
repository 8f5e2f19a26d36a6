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
            let sealed = registry.sealedPosition(behind: entry)
            #expect(registry.position(sealed) == entry)
            #expect(sealed.utf8.count == registry.sealedPosition(behind: longest).utf8.count)
            #expect(entry.isEmpty || !sealed.contains(entry) || entry == "a")
        }
    }

    @Test func whatNobodySealedIsTakenAsItIs() async throws {
        let registry = try await Repositories.open(MemoryObjectStore())
        let sealed = registry.sealedPosition(behind: "team/app")
        let other = try await Repositories.open(MemoryObjectStore()).sealedPosition(behind: "team/app")
        let changed = sealed.dropLast() + (sealed.last == "A" ? "B" : "A")
        for text in ["", "a", "~", "~~", "~AAAA", String(sealed.dropFirst()), String(changed), other, "\u{0}", "~ü"] {
            #expect(registry.position(text) == text)
        }
    }
}
