import Access
import Testing

@Test func anonymousHasNoName() {
    #expect(Identity.anonymous.name.isEmpty)
}
