import Testing

@testable import stowage

/// Whose word counts about where a request comes from.
@Suite struct ForwardingTests {
    private static let proxies = ["127.0.0.1", "10.0.0.0/8", "fd00::/8"].compactMap(Network.init)

    /// The fields of a request from a peer, and what is to be concluded.
    struct Case: Sendable, CustomTestStringConvertible {
        let peer: String
        var forwarded: [String] = []
        var list: [String] = []
        var proto: [String] = []
        let address: String
        var isSecure: Bool?

        var testDescription: String { "\(peer) \(forwarded) \(list) \(proto)" }
    }

    static let lists = [
        Case(peer: "10.0.0.1", address: "10.0.0.1"),
        Case(peer: "10.0.0.1", list: ["1.2.3.4"], address: "1.2.3.4"),
        // Nobody but proxies is believed.
        Case(peer: "192.0.2.1", list: ["1.2.3.4"], proto: ["https"], address: "192.0.2.1"),
        Case(peer: "192.0.2.1", forwarded: ["for=1.2.3.4;proto=https"], address: "192.0.2.1"),
        // The client may have written what stands left of its own address.
        Case(peer: "10.0.0.1", list: ["6.6.6.6, 1.2.3.4"], address: "1.2.3.4"),
        Case(peer: "10.0.0.1", list: ["6.6.6.6", "1.2.3.4"], address: "1.2.3.4"),
        Case(peer: "10.0.0.1", list: ["6.6.6.6, 1.2.3.4, 10.9.9.9 ,\t127.0.0.1"], address: "1.2.3.4"),
        // A machine behind a proxy that is in the proxies' network itself.
        Case(peer: "10.0.0.1", list: ["10.0.0.7, 10.0.0.2"], address: "10.0.0.7"),
        // What cannot be followed ends the way at the last proxy that could.
        Case(peer: "10.0.0.1", list: ["1.2.3.4, unknown"], address: "10.0.0.1"),
        Case(peer: "10.0.0.1", list: ["1.2.3.4, , 10.0.0.2"], address: "10.0.0.2"),
        Case(peer: "10.0.0.1", list: [""], address: "10.0.0.1"),
        Case(peer: "10.0.0.1", list: ["1.2.3.4.5"], address: "10.0.0.1"),
        Case(peer: "10.0.0.1", list: ["1.2.3.4\u{0}"], address: "10.0.0.1"),
        // Spellings.
        Case(peer: "10.0.0.1", list: ["1.2.3.4:5678"], address: "1.2.3.4"),
        Case(peer: "10.0.0.1", list: ["2001:DB8:0::1"], address: "2001:db8::1"),
        Case(peer: "10.0.0.1", list: ["[2001:db8::1]:443"], address: "2001:db8::1"),
        Case(peer: "10.0.0.1", list: ["[2001:db8::1"], address: "10.0.0.1"),
        Case(peer: "10.0.0.1", list: ["[2001:db8::1]x"], address: "10.0.0.1"),
        Case(peer: "10.0.0.1", list: ["::ffff:1.2.3.4"], address: "1.2.3.4"),
        Case(peer: "::ffff:10.0.0.1", list: ["1.2.3.4"], address: "1.2.3.4"),
        Case(peer: "fd12::1", list: ["1.2.3.4"], address: "1.2.3.4"),
        Case(peer: "", list: ["1.2.3.4"], address: ""),
        // Schemes.
        Case(peer: "10.0.0.1", list: ["1.2.3.4"], proto: ["https"], address: "1.2.3.4", isSecure: true),
        Case(peer: "10.0.0.1", proto: ["HTTPS"], address: "10.0.0.1", isSecure: true),
        Case(peer: "10.0.0.1", list: ["1.2.3.4"], proto: ["https", "http"], address: "1.2.3.4", isSecure: false),
        Case(peer: "10.0.0.1", list: ["1.2.3.4"], proto: ["https, http"], address: "1.2.3.4", isSecure: false),
        Case(peer: "10.0.0.1", proto: ["gopher"], address: "10.0.0.1"),
    ]

    static let elements = [
        Case(peer: "10.0.0.1", forwarded: ["for=1.2.3.4"], address: "1.2.3.4"),
        Case(peer: "10.0.0.1", forwarded: ["for=1.2.3.4;proto=https"], address: "1.2.3.4", isSecure: true),
        Case(
            peer: "10.0.0.1", forwarded: ["Proto=http; FOR=1.2.3.4 ;by=10.0.0.1"], address: "1.2.3.4", isSecure: false),
        Case(
            peer: "10.0.0.1",
            forwarded: ["for=6.6.6.6;proto=http, for=1.2.3.4;proto=https", "for=10.0.0.2;proto=http"],
            address: "1.2.3.4", isSecure: true),
        Case(peer: "10.0.0.1", forwarded: ["for=\"[2001:db8::1]:99\""], address: "2001:db8::1"),
        Case(peer: "10.0.0.1", forwarded: ["for=\"1.2.3.4\\:80\""], address: "1.2.3.4"),
        Case(peer: "10.0.0.1", forwarded: ["for=1.2.3.4;host=\"a,b;c=\\\"d\""], address: "1.2.3.4"),
        Case(peer: "10.0.0.1", forwarded: ["for=_hidden"], address: "10.0.0.1"),
        Case(peer: "10.0.0.1", forwarded: ["for=unknown, for=10.0.0.2"], address: "10.0.0.2"),
        // Malformed elements are a hop that nobody knows.
        Case(peer: "10.0.0.1", forwarded: ["for=1.2.3.4;for=5.6.7.8"], address: "10.0.0.1"),
        Case(peer: "10.0.0.1", forwarded: ["for=1.2.3.4, nonsense"], address: "10.0.0.1"),
        Case(peer: "10.0.0.1", forwarded: ["for=\"1.2.3.4"], address: "10.0.0.1"),
        Case(peer: "10.0.0.1", forwarded: ["for=1.2\"3.4"], address: "10.0.0.1"),
        Case(peer: "10.0.0.1", forwarded: [""], address: "10.0.0.1"),
        Case(peer: "10.0.0.1", forwarded: ["proto=https"], address: "10.0.0.1"),
        // Both fields: a proxy that writes one lets the other pass, so they must say the same.
        Case(
            peer: "10.0.0.1", forwarded: ["for=1.2.3.4;proto=https"], list: ["1.2.3.4"], address: "1.2.3.4",
            isSecure: true),
        Case(peer: "10.0.0.1", forwarded: ["for=6.6.6.6;proto=https"], list: ["1.2.3.4"], address: "10.0.0.1"),
    ]

    @Test(arguments: lists + elements)
    func theClientIsTheRightmostAddressThatIsNoProxy(_ test: Case) {
        let origin = Forwarding.origin(
            peer: test.peer, proxies: Self.proxies, forwarded: test.forwarded, forwardedFor: test.list,
            forwardedProto: test.proto)
        #expect(origin == Origin(address: test.address, isSecure: test.isSecure))
    }

    @Test func onlySoManyProxiesAreFollowed() {
        let list = (["1.2.3.4"] + Array(repeating: "10.0.0.2", count: 40)).joined(separator: ",")
        let origin = Forwarding.origin(
            peer: "10.0.0.1", proxies: Self.proxies, forwarded: [], forwardedFor: [list], forwardedProto: [])
        #expect(origin.address == "10.0.0.2")
    }

    @Test func ofALongListOnlyTheEndIsRead() {
        let list = String(repeating: "1.2.3.4,", count: 4_000) + "5.6.7.8"
        #expect(Forwarding.hops(forwardedFor: [list]).count == 32)
        #expect(Forwarding.hops(forwardedFor: [list]).last?.address == IPAddress("5.6.7.8"))
        let elements = String(repeating: "for=1.2.3.4,", count: 4_000) + "for=5.6.7.8"
        #expect(Forwarding.hops(forwarded: [elements]).count == 32)
        #expect(Forwarding.hops(forwarded: [elements]).last?.address == IPAddress("5.6.7.8"))
    }

    // MARK: Networks

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.1.1", true), ("10.0.0.0/8", "11.0.0.0", false), ("10.1.2.3", "10.1.2.3", true),
        ("10.1.2.3", "10.1.2.4", false), ("0.0.0.0/0", "1.2.3.4", true), ("0.0.0.0/0", "::1", false),
        ("::/0", "2001::1", true), ("192.168.4.0/22", "192.168.7.255", true), ("192.168.4.0/22", "192.168.8.0", false),
        ("fd00::/8", "fdff::1", true), ("fd00::/8", "fe00::1", false), ("::1", "::1", true),
        ("10.0.0.0/8", "::ffff:10.1.1.1", true),
    ])
    func aNetworkHasTheAddressesThatBeginAlike(_ network: String, _ address: String, _ contains: Bool) throws {
        #expect(try #require(Network(network)).contains(try #require(IPAddress(address))) == contains)
    }

    @Test(arguments: [
        "", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.1/8", "::/129",
        "10/8",
        "localhost", "10.0.0.0/ 8", "[::1]",
    ])
    func whatIsNoNetwork(_ text: String) {
        #expect(Network(text) == nil)
    }
}
