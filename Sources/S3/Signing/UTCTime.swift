/// A moment in the Gregorian calendar, in UTC.
struct UTCTime: Equatable, Sendable {
    private static let daySeconds = 86_400

    let year: Int
    let month: Int
    let day: Int
    let hour: Int
    let minute: Int
    let second: Int

    /// The moment `seconds` after the beginning of 1970.
    init(_ seconds: Int) {
        let days = (seconds - Self.modulo(seconds, Self.daySeconds)) / Self.daySeconds
        let rest = Self.modulo(seconds, Self.daySeconds)
        (year, month, day) = Self.date(days)
        (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60)
    }

    /// Seconds since 1970.
    var seconds: Int {
        Self.days(year, month, day) * Self.daySeconds + hour * 3600 + minute * 60 + second
    }

    /// Reads `2026-11-23T09:10:11Z`, also with a fraction of a second, which is dropped, and with `+00:00` for `Z`.
    init?(iso8601 text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.count <= 40 else { return nil }
        for (index, mark) in zip([4, 7, 10, 13, 16], "--T::".utf8) where bytes[index] != mark { return nil }
        guard Self.isZone(bytes[19...]) else { return nil }
        let ranges = [0..<4, 5..<7, 8..<10, 11..<13, 14..<16, 17..<19]
        let numbers = ranges.compactMap { Self.number(bytes[$0]) }
        guard numbers.count == ranges.count else { return nil }
        (year, month, day) = (numbers[0], numbers[1], numbers[2])
        (hour, minute, second) = (numbers[3], numbers[4], numbers[5])
        guard hour < 24, minute < 60, second < 60, UTCTime(seconds) == self else { return nil }
    }

    /// `20261123T091011Z`, the basic format of ISO 8601.
    func appendBasic(to out: inout [UInt8]) {
        appendDay(to: &out)
        out.append(UInt8(ascii: "T"))
        for number in [hour, minute, second] { Self.append(number, digits: 2, to: &out) }
        out.append(UInt8(ascii: "Z"))
    }

    /// `20261123`.
    func appendDay(to out: inout [UInt8]) {
        Self.append(year, digits: 4, to: &out)
        Self.append(month, digits: 2, to: &out)
        Self.append(day, digits: 2, to: &out)
    }

    /// `2026-11-23T09:10:11Z`.
    var iso8601: String {
        var out: [UInt8] = []
        for (number, mark) in zip([year, month, day, hour, minute, second], "--T::Z".utf8) {
            Self.append(number, digits: out.isEmpty ? 4 : 2, to: &out)
            out.append(mark)
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func append(_ number: Int, digits: Int, to out: inout [UInt8]) {
        var unit = digits == 4 ? 1000 : 10
        while unit > 0 {
            out.append(UInt8(ascii: "0") + UInt8(number / unit % 10))
            unit /= 10
        }
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        var value = 0
        for digit in digits {
            guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
            value = value * 10 + Int(digit - UInt8(ascii: "0"))
        }
        return value
    }

    /// What may stand after the seconds: a fraction or none, then the zone of UTC.
    private static func isZone(_ text: ArraySlice<UInt8>) -> Bool {
        var text = text
        if text.first == UInt8(ascii: ".") {
            let digits = text.dropFirst().prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
            guard !digits.isEmpty else { return false }
            text = text.dropFirst(1 + digits.count)
        }
        return text.elementsEqual("Z".utf8) || text.elementsEqual("+00:00".utf8)
    }

    // MARK: Days and dates, counted in years that begin in March, so that the leap day is the last one

    private static let eraDays = 146_097

    private static func date(_ days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let dayOfEra = modulo(shifted, eraDays)
        let era = (shifted - dayOfEra) / eraDays
        let year = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * year + year / 4 - year / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        return (year + era * 400 + (month >= 10 ? 1 : 0), month >= 10 ? month - 9 : month + 3, day)
    }

    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let yearOfEra = modulo(shifted, 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return (shifted - yearOfEra) / 400 * eraDays + dayOfEra - 719_468
    }

    private static func modulo(_ number: Int, _ divisor: Int) -> Int {
        let rest = number % divisor
        return rest < 0 ? rest + divisor : rest
    }
}
