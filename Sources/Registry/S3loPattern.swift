/// A pattern for names by the rules of Go's `path.Match`, which s3lo's settings use.
///
/// `*` is any text without a slash, `?` one character that is none, `[a-z]` and `[^a-z]` one of a class or one outside
/// of it (a slash as well, as in Go), and a backslash takes the meaning of the character behind it.
struct S3loPattern: Hashable, Sendable {
    private enum Element: Hashable, Sendable {
        case star
        case one
        case literal(Unicode.Scalar)
        case oneOf([ClosedRange<Unicode.Scalar>], negated: Bool)
    }

    let text: String
    /// nil for a malformed pattern, which matches nothing.
    private let elements: [Element]?

    init(_ text: String) {
        self.text = text
        var reader = Reader(scalars: Array(text.unicodeScalars))
        elements = reader.elements()
    }

    /// Whether it counts as a name and not as a pattern: s3lo looks for `*` and `?` only.
    var isExact: Bool { !text.utf8.contains { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") } }

    func matches(_ name: String) -> Bool {
        guard let elements else { return false }
        let scalars = Array(name.unicodeScalars)
        var (element, position) = (0, 0)
        // Where to go on when what follows the last star does not fit: one character later.
        var retry: (element: Int, position: Int)?
        while element < elements.count || position < scalars.count {
            if element < elements.count {
                if elements[element] == .star {
                    retry = (element, position)
                    element += 1
                    continue
                }
                if position < scalars.count, Self.fits(elements[element], scalars[position]) {
                    element += 1
                    position += 1
                    continue
                }
            }
            guard let last = retry, last.position < scalars.count, scalars[last.position] != "/" else { return false }
            retry = (last.element, last.position + 1)
            (element, position) = (last.element + 1, last.position + 1)
        }
        return true
    }

    private static func fits(_ element: Element, _ scalar: Unicode.Scalar) -> Bool {
        switch element {
        case .star: false
        case .one: scalar != "/"
        case .literal(let literal): scalar == literal
        case .oneOf(let ranges, let negated): ranges.contains { $0.contains(scalar) } != negated
        }
    }

    /// Takes a pattern apart.
    private struct Reader {
        let scalars: [Unicode.Scalar]
        var position = 0

        mutating func elements() -> [Element]? {
            var elements: [Element] = []
            while position < scalars.count {
                let scalar = scalars[position]
                position += 1
                switch scalar {
                case "*": elements.append(.star)
                case "?": elements.append(.one)
                case "[":
                    guard let element = characterClass() else { return nil }
                    elements.append(element)
                case "\\":
                    guard position < scalars.count else { return nil }
                    elements.append(.literal(scalars[position]))
                    position += 1
                default: elements.append(.literal(scalar))
                }
            }
            return elements
        }

        /// The class whose bracket was just read; nil when it is malformed.
        private mutating func characterClass() -> Element? {
            let negated = peek() == "^"
            if negated { position += 1 }
            var ranges: [ClosedRange<Unicode.Scalar>] = []
            while peek() != "]" || ranges.isEmpty {
                guard let low = member() else { return nil }
                var high = low
                if peek() == "-" {
                    position += 1
                    guard let end = member() else { return nil }
                    high = end
                }
                // A range the wrong way round has nothing in it.
                if low <= high { ranges.append(low...high) } else { ranges.append(Self.nothing) }
            }
            position += 1
            return .oneOf(ranges, negated: negated)
        }

        /// NUL, which no name has.
        private static let nothing: ClosedRange<Unicode.Scalar> = "\0"..."\0"

        private mutating func member() -> Unicode.Scalar? {
            guard let scalar = peek(), scalar != "-", scalar != "]" else { return nil }
            position += 1
            guard scalar == "\\" else { return scalar }
            guard let escaped = peek() else { return nil }
            position += 1
            return escaped
        }

        private func peek() -> Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }
    }
}
