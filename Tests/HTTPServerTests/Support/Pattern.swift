/// Bytes in which a lost, repeated or misplaced stretch shows: they repeat only after 65,521 of them, a prime.
func pattern(_ count: Int, from start: Int = 0) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    var place = start % table.count
    while bytes.count < count {
        bytes += table[place..<min(table.count, place + count - bytes.count)]
        place = 0
    }
    return bytes
}

private let table: [UInt8] = {
    var state: UInt32 = 1
    return (0..<65_521).map { _ in
        state = state &* 1_664_525 &+ 1_013_904_223
        return UInt8(truncatingIfNeeded: state >> 24)
    }
}()

/// `body` as chunks of the sizes that `size` gives.
func chunked(_ body: [UInt8], _ size: () -> Int) -> [UInt8] {
    var out: [UInt8] = []
    var rest = body[...]
    while !rest.isEmpty {
        let chunk = rest.prefix(size())
        out += Array(String(chunk.count, radix: 16).utf8) + [0x0d, 0x0a] + chunk + [0x0d, 0x0a]
        rest = rest.dropFirst(chunk.count)
    }
    return out + Array("0\r\n\r\n".utf8)
}
