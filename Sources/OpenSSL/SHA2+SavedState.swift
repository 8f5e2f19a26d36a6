import COpenSSL

extension SHA256 {
    /// Everything needed to go on hashing elsewhere: the chaining value, then the bytes of the unfinished block.
    package var savedState: [UInt8] {
        var state = context
        var out: [UInt8] = []
        withUnsafeBytes(of: &state.h) { for word in $0.bindMemory(to: UInt32.self) { out.append(bigEndian: word) } }
        let pending = Int(state.num)
        withUnsafeBytes(of: &state.data) { out.append(contentsOf: $0.prefix(pending)) }
        return out
    }

    /// Goes on where `savedState` was taken after `length` bytes; nil when the two do not fit together.
    package init?(savedState: [UInt8], length: Int) {
        let pending = length % Self.blockLength
        guard length >= 0, savedState.count == Self.digestLength + pending else { return nil }
        self.init()
        withUnsafeMutableBytes(of: &context.h) { words in
            for (index, word) in words.bindMemory(to: UInt32.self).indices.enumerated() {
                words.bindMemory(to: UInt32.self)[word] = UInt32(bigEndianAt: index * 4, of: savedState)
            }
        }
        withUnsafeMutableBytes(of: &context.data) { $0.copyBytes(from: savedState[Self.digestLength...]) }
        let bits = UInt64(length) << 3
        context.Nl = UInt32(truncatingIfNeeded: bits)
        context.Nh = UInt32(truncatingIfNeeded: bits >> 32)
        context.num = UInt32(pending)
    }
}

extension SHA512 {
    /// See `SHA256.savedState`.
    package var savedState: [UInt8] {
        var state = context
        var out: [UInt8] = []
        withUnsafeBytes(of: &state.h) { for word in $0.bindMemory(to: UInt64.self) { out.append(bigEndian: word) } }
        let pending = Int(state.num)
        withUnsafeBytes(of: &state.u) { out.append(contentsOf: $0.prefix(pending)) }
        return out
    }

    /// See `SHA256.init(savedState:length:)`.
    package init?(savedState: [UInt8], length: Int) {
        let pending = length % Self.blockLength
        guard length >= 0, savedState.count == Self.digestLength + pending else { return nil }
        self.init()
        withUnsafeMutableBytes(of: &context.h) { words in
            for (index, word) in words.bindMemory(to: UInt64.self).indices.enumerated() {
                words.bindMemory(to: UInt64.self)[word] = UInt64(bigEndianAt: index * 8, of: savedState)
            }
        }
        withUnsafeMutableBytes(of: &context.u) { $0.copyBytes(from: savedState[Self.digestLength...]) }
        context.Nl = UInt64(length) << 3
        context.Nh = UInt64(length) >> 61
        context.num = UInt32(pending)
    }
}

extension [UInt8] {
    fileprivate mutating func append(bigEndian word: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: word.bigEndian) { append(contentsOf: $0) }
    }
}

extension FixedWidthInteger {
    fileprivate init(bigEndianAt offset: Int, of bytes: [UInt8]) {
        self = bytes[offset..<offset + Self.bitWidth / 8].reduce(0) { $0 << 8 | Self($1) }
    }
}
