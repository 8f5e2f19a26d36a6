/// A request body that broke the rules, or a limit.
package struct BodyError: Error, Equatable, Sendable {
    package let status: Status
    package let reason: String
}

/// Finds the data in a chunked body (RFC 9112, section 7.1) that arrives in pieces. Pure; extensions and trailer
/// fields are checked, bounded and ignored.
package struct ChunkedDecoder: Sendable {
    package enum Event: Equatable, Sendable {
        /// Body data in this range of the given bytes.
        case data(Range<Int>)
        /// Everything given was used.
        case needsMore
        /// The body is complete; what follows `consumed` belongs to the next request.
        case end(consumed: Int)
    }

    private enum State: Equatable {
        case sizeStart
        case size
        case sizeBlank
        case sizeExtension
        case sizeNewline
        case data(remaining: Int)
        case dataReturn
        case dataNewline
        case trailerStart
        case trailerName
        case trailerValue
        case trailerNewline
        case lastNewline
        case end
    }

    /// Hexadecimal digits of a chunk size: 15, so that it fits an Int.
    private static let maximumDigits = 15
    private static let maximumExtension = 256
    private static let maximumTrailer = 8 << 10

    private var state = State.sizeStart
    private var size = 0
    private var digits = 0
    private var skipped = 0

    package init() {}

    /// What comes next in `bytes` from `position` on; moves `position` behind it.
    package mutating func next(_ bytes: RawSpan, from position: inout Int) throws(BodyError) -> Event {
        if state == .end { return .end(consumed: position) }
        while position < bytes.byteCount {
            if case .data(let remaining) = state {
                let range = position..<min(position + remaining, bytes.byteCount)
                position = range.upperBound
                state = range.count == remaining ? .dataReturn : .data(remaining: remaining - range.count)
                return .data(range)
            }
            let byte = bytes.byte(at: position)
            position += 1
            try take(byte)
            if state == .end { return .end(consumed: position) }
        }
        return .needsMore
    }

    private mutating func take(_ byte: UInt8) throws(BodyError) {
        switch state {
        case .sizeStart, .size, .sizeBlank: try takeSize(byte)
        case .sizeExtension:
            if byte == 0x0d { state = .sizeNewline } else { try skip(byte, limit: Self.maximumExtension) }
        case .sizeNewline:
            try expectNewline(byte)
            state = size == 0 ? .trailerStart : .data(remaining: size)
            skipped = 0
        case .dataReturn:
            guard byte == 0x0d else { throw Self.malformed("chunk data is longer than its size") }
            state = .dataNewline
        case .dataNewline:
            try expectNewline(byte)
            (state, size, digits, skipped) = (.sizeStart, 0, 0, 0)
        case .trailerStart, .trailerName, .trailerValue: try takeTrailer(byte)
        case .trailerNewline:
            try expectNewline(byte)
            state = .trailerStart
        case .lastNewline:
            try expectNewline(byte)
            state = .end
        case .data, .end: preconditionFailure("handled by next")
        }
    }

    private mutating func takeSize(_ byte: UInt8) throws(BodyError) {
        if state != .sizeBlank, let value = byte.hexadecimalValue {
            digits += 1
            guard digits <= Self.maximumDigits else { throw Self.malformed("a chunk size is too large") }
            size = size << 4 | value
            state = .size
            return
        }
        guard state != .sizeStart else { throw Self.malformed("a chunk has no size") }
        switch byte {
        case 0x0d: state = .sizeNewline
        case 0x3b: state = .sizeExtension
        case 0x20, 0x09:
            try skip(byte, limit: Self.maximumExtension)
            state = .sizeBlank
        default: throw Self.malformed("a chunk size has a character that is no hexadecimal digit")
        }
    }

    private mutating func takeTrailer(_ byte: UInt8) throws(BodyError) {
        switch (state, byte) {
        case (.trailerStart, 0x0d): state = .lastNewline
        case (.trailerValue, 0x0d):
            skipped += 2
            state = .trailerNewline
        default:
            try skip(byte, limit: Self.maximumTrailer)
            if state == .trailerValue { return }
            if state == .trailerName, byte == 0x3a {
                state = .trailerValue
            } else {
                guard byte.isTokenCharacter else { throw Self.malformed("a trailer line has no name") }
                state = .trailerName
            }
        }
    }

    private mutating func skip(_ byte: UInt8, limit: Int) throws(BodyError) {
        skipped += 1
        guard byte.isFieldValueCharacter else { throw Self.malformed("a control character between the chunks") }
        guard skipped <= limit else { throw Self.malformed("chunk extensions or trailers are too long") }
    }

    private func expectNewline(_ byte: UInt8) throws(BodyError) {
        guard byte == 0x0a else { throw Self.malformed("a line between the chunks does not end in CRLF") }
    }

    private static func malformed(_ reason: String) -> BodyError { BodyError(status: .badRequest, reason: reason) }
}
