import TestSupport
import Testing

@testable import Access

struct LoginThrottleTests {
    private static let here = "192.0.2.1"

    /// A failure with a secret that was not tried before.
    private func guess(at throttle: LoginThrottle, address: String, user: String, now: Int) {
        let secret = RobotSecret().text
        throttle.noteFailure(address: address, user: user, secret: secret, now: now)
    }

    /// The delays after each of `count` failures, each tried as soon as the delay before it is over.
    private func delays(
        _ throttle: LoginThrottle, _ count: Int, now: inout Int, address: (Int) -> String = { _ in here },
        user: (Int) -> String = { _ in "alice" }
    ) -> [Int] {
        var delays: [Int] = []
        for number in 0..<count {
            guess(at: throttle, address: address(number), user: user(number), now: now)
            let delay = throttle.delay(address: address(number), user: user(number), now: now) ?? 0
            delays.append(delay)
            now += delay
            #expect(throttle.delay(address: address(number), user: user(number), now: now) == nil)
        }
        return delays
    }

    @Test func guessingAtOneUserGetsSlow() {
        let throttle = LoginThrottle()
        var now = 1000
        #expect(throttle.delay(address: Self.here, user: "alice", now: now) == nil)
        let delays = delays(throttle, 40, now: &now)
        #expect(delays.prefix(11) == [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32])
        // It stays slow: what is forgotten in a minute is made up for by the failure after it.
        #expect(delays.dropFirst(11).allSatisfy { (32...60).contains($0) }, "\(delays)")
        // The others at that network are not much slower for it, and those elsewhere not at all.
        #expect(throttle.delay(address: Self.here, user: "bob", now: now) == nil)
        #expect(throttle.delay(address: "192.0.2.2", user: "alice", now: now) == nil)
        #expect(throttle.delay(address: Self.here, user: "alice", now: now + 3600) == nil)
    }

    @Test func theDelayPassesWithTime() {
        let throttle = LoginThrottle()
        for _ in 0..<12 { guess(at: throttle, address: Self.here, user: "alice", now: 0) }
        #expect(throttle.delay(address: Self.here, user: "alice", now: 0) == 60)
        #expect(throttle.delay(address: Self.here, user: "alice", now: 20) == 40)
        // One of the failures is forgotten, which makes the delay shorter than the time that has passed.
        #expect(throttle.delay(address: Self.here, user: "alice", now: 60) == nil)
        // A clock that was put back.
        #expect(throttle.delay(address: Self.here, user: "alice", now: -1_000_000) == 60)
    }

    @Test func tryingManyUsersFromOneNetworkGetsSlow() {
        let throttle = LoginThrottle()
        var now = 0
        let delays = delays(throttle, 100, now: &now, user: { "user\($0)" })
        #expect(delays.prefix(20).allSatisfy { $0 == 0 } && delays[20...24] == [1, 2, 4, 8, 16], "\(delays)")
        #expect(delays.dropFirst(25).allSatisfy { (16...60).contains($0) }, "\(delays)")
        // All IPv6 addresses of one customer are one network.
        let other = LoginThrottle()
        now = 0
        #expect(
            self.delays(other, 30, now: &now, address: { "2001:db8:1:2::\($0)" }, user: { "user\($0)" }).suffix(5)
                .allSatisfy { $0 >= 16 })
        guess(at: other, address: "2001:db8:1:2::", user: "alice", now: now)
        #expect(other.delay(address: "2001:db8:1:2:ffff::1", user: "x", now: now) != nil)
        #expect(other.delay(address: "2001:db8:1:3::1", user: "x", now: now) == nil)
    }

    @Test func nobodyIsLockedOutByOthers() {
        let throttle = LoginThrottle()
        throttle.noteSuccess(address: "198.51.100.1", user: "alice", now: 0)
        for number in 0..<10_000 {
            guess(at: throttle, address: "10.0.\(number / 250).\(number % 250)", user: "alice", now: 10)
        }
        // Where she has been lately she does not notice; elsewhere she waits for two seconds.
        #expect(throttle.delay(address: "198.51.100.1", user: "alice", now: 10) == nil)
        #expect(throttle.delay(address: "198.51.100.2", user: "alice", now: 10) == 2)
        #expect(throttle.delay(address: "198.51.100.2", user: "alice", now: 12) == nil)
        #expect(throttle.delay(address: "198.51.100.2", user: "bob", now: 10) == nil)
        guess(at: throttle, address: "10.9.9.9", user: "alice", now: 86_400)
        for _ in 0..<60 { guess(at: throttle, address: "10.9.9.9", user: "alice", now: 86_400) }
        #expect(throttle.delay(address: "198.51.100.1", user: "alice", now: 86_400) == 2)
    }

    @Test func aLoginClearsTheUsersCountButNotTheNetworks() {
        let throttle = LoginThrottle()
        for _ in 0..<12 { guess(at: throttle, address: Self.here, user: "alice", now: 0) }
        throttle.noteSuccess(address: Self.here, user: "alice", now: 60)
        for _ in 0..<5 { guess(at: throttle, address: Self.here, user: "alice", now: 60) }
        #expect(throttle.delay(address: Self.here, user: "alice", now: 60) == nil)
        // Somebody with an account of their own who guesses at others in between.
        let other = LoginThrottle()
        for number in 0..<24 {
            guess(at: other, address: Self.here, user: "user\(number)", now: 0)
            other.noteSuccess(address: Self.here, user: "mallory", now: 0)
        }
        #expect(other.delay(address: Self.here, user: "user99", now: 0) == 8)
        #expect(other.delay(address: Self.here, user: "mallory", now: 0) == 8)
    }

    @Test func aSecretThatFailedBeforeDoesNotCountAgain() {
        let throttle = LoginThrottle()
        for _ in 0..<1000 {
            throttle.noteFailure(address: Self.here, user: "alice", secret: "old", now: 0)
            throttle.noteFailure(address: Self.here, user: "robot+ci", secret: "revoked", now: 0)
        }
        #expect(throttle.delay(address: Self.here, user: "alice", now: 0) == nil)
        #expect(throttle.delay(address: Self.here, user: "bob", now: 0) == nil)
        // One that was counted already, and four more, are free; the next is not.
        for _ in 0..<4 { guess(at: throttle, address: Self.here, user: "alice", now: 0) }
        #expect(throttle.delay(address: Self.here, user: "alice", now: 0) == nil)
        throttle.noteFailure(address: Self.here, user: "alice", secret: "older", now: 0)
        #expect(throttle.delay(address: Self.here, user: "alice", now: 0) == 1)
        // The same secret is a guess again where the user, or the network, is another.
        let sprayed = LoginThrottle()
        for number in 0..<21 {
            sprayed.noteFailure(address: Self.here, user: "user\(number)", secret: "summer", now: 0)
        }
        #expect(sprayed.delay(address: Self.here, user: "bob", now: 0) == 1)
        let spread = LoginThrottle()
        for number in 0..<51 {
            spread.noteFailure(address: "10.0.0.\(number)", user: "alice", secret: "summer", now: 0)
        }
        #expect(spread.delay(address: Self.here, user: "alice", now: 0) == 1)
    }

    @Test func theTablesAreBounded() {
        var settings = LoginThrottle.Settings()
        settings.capacity = 4
        let throttle = LoginThrottle(settings: settings)
        for _ in 0..<12 { guess(at: throttle, address: Self.here, user: "alice", now: 0) }
        for number in 0..<3 { guess(at: throttle, address: "10.0.0.\(number)", user: "user\(number)", now: 0) }
        #expect(throttle.delay(address: Self.here, user: "alice", now: 0) == 60)
        guess(at: throttle, address: "10.0.0.9", user: String(repeating: "long", count: 10_000), now: 0)
        #expect(throttle.delay(address: Self.here, user: "alice", now: 0) == nil)
    }
}

struct ClientNetworkTests {
    @Test(arguments: [
        ("192.0.2.1", "::ffff:192.0.2.1"), ("192.0.2.1", "::FFFF:c000:201"), ("2001:db8::1", "2001:db8::2"),
        ("2001:db8:0:0:ffff::", "2001:0db8::"), ("fe80::1%eth0", "fe80::2"), ("", ""), ("unix", "unix"),
    ])
    func same(one: String, other: String) {
        #expect(ClientNetwork(address: one) == ClientNetwork(address: other))
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.2"), ("192.0.2.1", "::192.0.2.1"), ("2001:db8:0:1::", "2001:db8::"), ("", "unix"),
        ("192.0.2.1", "192.0.2.1:80"), ("::ffff:192.0.2.1", "::ffff:192.0.2.2"), ("::1", "127.0.0.1"),
    ])
    func different(one: String, other: String) {
        #expect(ClientNetwork(address: one) != ClientNetwork(address: other))
    }
}

struct LeastRecentTableTests {
    @Test func forgetsWhatWasNotChangedForTheLongestTime() {
        var random = SeededGenerator(for: "forgetsWhatWasNotChangedForTheLongestTime")
        for capacity in [1, 2, 3, 10] {
            var table = LeastRecentTable<Int, Int>(capacity: capacity)
            var naive: [(key: Int, value: Int)] = []
            for step in 0..<2000 {
                let key = Int.random(in: 0..<(capacity * 2), using: &random)
                let old = naive.first { $0.key == key }?.value
                #expect(table[key] == old)
                let seen = table.update(key, new: -1) { value in
                    defer { value = step }
                    return value
                }
                #expect(seen == old ?? -1)
                naive.removeAll { $0.key == key }
                naive.append((key, step))
                if naive.count > capacity { naive.removeFirst() }
                #expect(table.count == naive.count)
            }
        }
    }
}
