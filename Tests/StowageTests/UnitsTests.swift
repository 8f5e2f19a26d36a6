import Testing

@testable import stowage

@Suite struct UnitsTests {
    @Test func x() { #expect(ByteCount(1).bytes == 1) }
}
