/// A number of bytes, written as `32MiB`, `128GiB`, or a plain number.
struct ByteCount: Equatable, Sendable {
    let bytes: Int

    init(_ bytes: Int) { self.bytes = bytes }
}

/// A time, written as `90s`, `15m`, `24h`, `7d`, or a plain number of seconds.
struct TimeSpan: Equatable, Sendable {
    let seconds: Int

    init(_ seconds: Int) { self.seconds = seconds }
}

/// A number with a unit behind it.
private struct Quantity {
    /// Larger ones would overflow when they are added to a clock or a size.
    static let maximum = 1 << 50

    /// The largest unit first.
    let units: [(name: String, factor: Int)]

    /// Nil for text that is no number with one of the units, and for numbers above `maximum`.
    func parse(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = text.dropFirst(digits.count).drop { $0 == " " }
        guard let number = Int(digits), let factor = unit.isEmpty ? 1 : units.first(where: { $0.name == unit })?.factor
        else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: factor)
        return overflow || product > Self.maximum ? nil : product
    }

    func text(of number: Int) -> String {
        let unit = units.first { number >= $0.factor && number % $0.factor == 0 }
        return unit.map { "\(number / $0.factor)\($0.name)" } ?? String(number)
    }
}

extension ByteCount: Codable, CustomStringConvertible {
    private static let quantity = Quantity(units: [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1),
    ])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let bytes = Self.quantity.parse(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "expected a size such as 512KiB, 32MiB or 10GiB")
        }
        self.bytes = bytes
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    var description: String { Self.quantity.text(of: bytes) }
}

extension TimeSpan: Codable, CustomStringConvertible {
    private static let quantity = Quantity(units: [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)])

    /// Nil for text that is no time.
    init?(_ text: String) {
        guard let seconds = Self.quantity.parse(text) else { return nil }
        self.seconds = seconds
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let seconds = Self.quantity.parse(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "expected a time such as 90s, 15m, 24h or 7d")
        }
        self.seconds = seconds
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    var description: String { Self.quantity.text(of: seconds) }
}
