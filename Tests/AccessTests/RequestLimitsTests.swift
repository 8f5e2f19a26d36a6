import Access
import TestSupport
import Testing

struct RequestLimitsTests {
    private static let second = 1_000_000_000
    private let alice = CallerKey(Identity(.password, name: "alice"), address: "192.0.2.1")
    private let bob = CallerKey(Identity(.password, name: "bob"), address: "192.0.2.1")

    private func limits(_ change: (inout RequestLimits.Settings) -> Void) -> RequestLimits {
        var settings = RequestLimits.Settings()
        change(&settings)
        return RequestLimits(settings)
    }

    @Test func zeroIsNoLimit() {
        let limits = RequestLimits(RequestLimits.Settings())
        for _ in 0..<10_000 {
            #expect(limits.admit(alice, now: 0) == nil && limits.beginUpload(alice))
            #expect(limits.charge(.max, .sent, to: alice, now: 0) == 0)
        }
        #expect(!limits.paces(.sent) && !limits.paces(.received))
        limits.endUpload(alice)
    }

    @Test func whoIsLimitedTogether() {
        let anonymous = { CallerKey(.anonymous, address: $0) }
        #expect(alice == CallerKey(Identity(.password, name: "alice"), address: "10.0.0.1") && alice != bob)
        #expect(anonymous("10.0.0.1") != anonymous("10.0.0.2") && anonymous("10.0.0.1") != alice)
        #expect(anonymous("2001:db8::1") == anonymous("2001:db8::2"))
    }

    @Test func requestsPerSecond() {
        let limits = limits { ($0.requestsPerSecond, $0.requestBurst) = (10, 30) }
        var now = 5 * Self.second
        let burst = (0..<40).map { _ in limits.admit(alice, now: now) }
        #expect(burst == Array(repeating: nil, count: 30) + Array(repeating: 1, count: 10))
        // Nobody pays for others, and what was refused is not counted.
        #expect(limits.admit(bob, now: now) == nil)
        now += Self.second / 10
        #expect(limits.admit(alice, now: now) == nil && limits.admit(alice, now: now) == 1)
        now += Self.second
        #expect((0..<11).map { _ in limits.admit(alice, now: now) } == Array(repeating: nil, count: 10) + [1])
        // A pause gives no more than the burst.
        now += 1000 * Self.second
        #expect((0..<31).map { _ in limits.admit(alice, now: now) } == Array(repeating: nil, count: 30) + [1])
    }

    @Test func aSecondsWorthIsTheLeastBurst() {
        let limits = limits { ($0.requestsPerSecond, $0.requestBurst) = (3, 1) }
        #expect((0..<4).map { _ in limits.admit(alice, now: 0) } == [nil, nil, nil, 1])
    }

    @Test func inTheLongRunAsManyAsConfigured() {
        var random = SeededGenerator(for: "inTheLongRunAsManyAsConfigured")
        let limits = limits { ($0.requestsPerSecond, $0.requestBurst) = (7, 20) }
        var (now, admitted) = (0, 0)
        while now < 1000 * Self.second {
            admitted += limits.admit(alice, now: now) == nil ? 1 : 0
            now += Int.random(in: 0..<Self.second / 20, using: &random)
        }
        #expect((6990...7025).contains(admitted))
    }

    @Test(arguments: [1000, 1 << 20, 1 << 30])
    func bytesPerSecond(rate: Int) {
        let limits = limits { ($0.sentBytesPerSecond, $0.receivedBytesPerSecond) = (rate, rate / 2) }
        #expect(limits.paces(.sent) && limits.paces(.received))
        // Two bodies of one caller in chunks: together they take the time that the rate says, less a burst of a second.
        var (now, sent) = (0, 0)
        while sent < rate * 10 {
            let chunk = rate / 16
            let waits = [
                limits.charge(chunk, .sent, to: alice, now: now), limits.charge(chunk, .sent, to: alice, now: now),
            ]
            now += waits[1]
            sent += 2 * chunk
            #expect(waits[0] <= waits[1])
        }
        #expect(abs(now - 9 * Self.second) < Self.second / 10)
        // The other direction and other callers are on their own.
        #expect(limits.charge(rate / 2, .received, to: alice, now: now) == 0)
        #expect(limits.charge(rate / 2, .received, to: alice, now: now) == Self.second)
        #expect(limits.charge(rate, .sent, to: bob, now: now) == 0)
    }

    @Test func noChargeOverflows() {
        let limits = limits { $0.sentBytesPerSecond = 1 }
        let now = Int.max / 2
        for _ in 0..<3 {
            #expect(limits.charge(.max, .sent, to: alice, now: now) <= 3600 * Self.second)
        }
        #expect(limits.charge(1, .sent, to: alice, now: now + 7200 * Self.second) == 0)
    }

    @Test func uploadsAtOnce() {
        let limits = limits { $0.concurrentUploads = 2 }
        #expect((0..<3).map { _ in limits.beginUpload(alice) } == [true, true, false])
        #expect(limits.beginUpload(bob))
        limits.endUpload(alice)
        #expect((0..<2).map { _ in limits.beginUpload(alice) } == [true, false])
        limits.endUpload(alice)
        limits.endUpload(alice)
        #expect((0..<3).map { _ in limits.beginUpload(alice) } == [true, true, false])
    }

    @Test func callersAreForgottenWhenThereAreTooMany() {
        let limits = limits { ($0.requestsPerSecond, $0.capacity) = (1, 2) }
        #expect(limits.admit(alice, now: 0) == nil && limits.admit(alice, now: 0) == 1)
        #expect(limits.admit(bob, now: 0) == nil && limits.admit(alice, now: 0) == 1)
        #expect(limits.admit(CallerKey(.anonymous, address: "::1"), now: 0) == nil)
        // Bob came last longest ago.
        #expect(limits.admit(alice, now: 0) == 1 && limits.admit(bob, now: 0) == nil)
    }
}
