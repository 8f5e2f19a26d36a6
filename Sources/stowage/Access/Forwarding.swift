/// Where a request comes from, behind proxies that are trusted to say so.
struct Origin: Hashable, Sendable {
    /// A numeric address in its usual spelling.
    var address: String
    /// Whether the client speaks TLS to the first proxy; nil when nobody says.
    var isSecure: Bool?
}

/// Reads `Forwarded` (RFC 7239) and `X-Forwarded-For`, `X-Forwarded-Proto`.
///
/// Each proxy adds the address it was reached from at the right, so the client is the rightmost address that is no
/// trusted proxy: everything left of it may be made up. Where both fields say something, and not the same, neither counts:
/// a proxy that writes one of them lets the other pass as the client wrote it.
enum Forwarding {
    /// Proxies one behind the other; what more there is was not added by them.
    private static let maximumHops = 32

    /// One proxy's word.
    struct Hop: Hashable {
        /// Nil for a name that is no address.
        var address: IPAddress?
        var proto: String?
    }

    /// `peer` is the numeric address of the connection; the others are the values of the fields of these names.
    static func origin(
        peer: String, proxies: [Network], forwarded: [String], forwardedFor: [String], forwardedProto: [String]
    ) -> Origin {
        guard let address = IPAddress(peer) else { return Origin(address: peer) }
        var fallback = Origin(address: address.text)
        guard isProxy(address, proxies) else { return fallback }
        let standard = forwarded.isEmpty ? nil : client(hops(forwarded: forwarded), proxies, fallback)
        var common = forwardedFor.isEmpty ? nil : client(hops(forwardedFor: forwardedFor), proxies, fallback)
        // One value for the whole way, or the last proxy's behind others.
        let proto = forwardedProto.last.flatMap { $0.split(separator: ",").last }.flatMap { isSecure(trimmed($0)) }
        if common != nil || standard == nil { common = Origin(address: (common ?? fallback).address, isSecure: proto) }
        guard let standard else { return common ?? fallback }
        guard let common, common.address != standard.address else { return standard }
        fallback.isSecure = nil
        return fallback
    }

    /// The rightmost hop that is no proxy, or the last proxy whose word can be followed.
    private static func client(_ hops: [Hop], _ proxies: [Network], _ peer: Origin) -> Origin {
        var origin = peer
        for hop in hops.reversed() {
            guard let address = hop.address else { break }
            origin = Origin(address: address.text, isSecure: hop.proto.flatMap { isSecure($0[...]) })
            if !isProxy(address, proxies) { break }
        }
        return origin
    }

    private static func isProxy(_ address: IPAddress, _ proxies: [Network]) -> Bool {
        proxies.contains { $0.contains(address) }
    }

    private static func isSecure(_ proto: Substring) -> Bool? {
        switch proto.lowercased() {
        case "https": true
        case "http": false
        default: nil
        }
    }

    // MARK: Fields

    /// The last of `X-Forwarded-For`, in order; several fields are one list.
    static func hops(forwardedFor values: [String]) -> [Hop] {
        values.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }.suffix(maximumHops).map {
            Hop(address: address(trimmed($0)))
        }
    }

    /// The last elements of `Forwarded`, in order; one that is malformed is a hop nobody knows.
    static func hops(forwarded values: [String]) -> [Hop] {
        values.flatMap { split($0[...], at: ",") }.suffix(maximumHops).map { element in
            var hop = Hop()
            var seen: Set<String> = []
            for pair in split(element, at: ";") where !trimmed(pair).isEmpty {
                let parts = trimmed(pair).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard parts.count == 2, seen.insert(parts[0].lowercased()).inserted, let value = unquoted(parts[1])
                else { return Hop() }
                switch parts[0].lowercased() {
                case "for": hop.address = address(value[...])
                case "proto": hop.proto = value
                default: break
                }
            }
            return hop
        }
    }

    /// The pieces between separators outside of quotes.
    private static func split(_ text: Substring, at separator: Character) -> [Substring] {
        var pieces: [Substring] = []
        var start = text.startIndex
        var isQuoted = false
        var isEscaped = false
        for index in text.indices {
            let character = text[index]
            if isEscaped {
                isEscaped = false
            } else if isQuoted, character == "\\" {
                isEscaped = true
            } else if character == "\"" {
                isQuoted.toggle()
            } else if character == separator, !isQuoted {
                pieces.append(text[start..<index])
                start = text.index(after: index)
            }
        }
        return pieces + [text[start...]]
    }

    /// A token as it is, or what a quoted string spells (RFC 9110, section 5.6.4).
    private static func unquoted(_ text: Substring) -> String? {
        guard text.first == "\"" else { return text.isEmpty || text.contains("\"") ? nil : String(text) }
        guard text.count >= 2, text.last == "\"" else { return nil }
        var value = ""
        var isEscaped = false
        for character in text.dropFirst().dropLast() {
            if character == "\\", !isEscaped {
                isEscaped = true
                continue
            }
            if character == "\"", !isEscaped { return nil }
            value.append(character)
            isEscaped = false
        }
        return isEscaped ? nil : value
    }

    /// `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]`, `[::1]:80`.
    private static func address(_ text: Substring) -> IPAddress? {
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { return nil }
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || isPort(rest) else { return nil }
            return IPAddress(text[text.index(after: text.startIndex)..<end])
        }
        let colons = text.utf8.count { $0 == UInt8(ascii: ":") }
        guard colons == 1, let colon = text.firstIndex(of: ":") else { return IPAddress(text) }
        return isPort(text[colon...]) ? IPAddress(text[..<colon]) : nil
    }

    /// A colon, then digits.
    private static func isPort(_ text: Substring) -> Bool {
        text.utf8.count > 1 && text.utf8.count <= 6 && text.utf8.dropFirst().allSatisfy { (0x30...0x39).contains($0) }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}
