/// Reads the text of a shared configuration or credentials file.
enum ProfileFile {
    /// A line that is nothing known; without its text, which may be a secret.
    struct SyntaxError: Error, Equatable {
        /// Counted from 1.
        let line: Int
    }

    /// The settings of each profile, their names in lower case; of repeated ones the last counts.
    ///
    /// `sectionPrefix`: what stands before the name of every profile but `default`; other sections are passed over, and
    /// so are indented lines, which belong to settings of other services.
    static func profiles(
        in text: String, sectionPrefix: String
    ) throws(SyntaxError) -> [String: [String: String]] {
        var profiles: [String: [String: String]] = [:]
        var section: Section?
        let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
        for (index, line) in lines.enumerated() {
            let content = line.trimmed
            if content.isEmpty || content.hasPrefix("#") || content.hasPrefix(";") { continue }
            if content.hasPrefix("[") {
                guard let name = sectionName(content) else { throw SyntaxError(line: index + 1) }
                section = Section(name, prefix: sectionPrefix)
                if case .profile(let name) = section { profiles[name, default: [:]] = profiles[name] ?? [:] }
                continue
            }
            if line.first == " " || line.first == "\t" { continue }
            guard let section, let (name, value) = setting(content) else { throw SyntaxError(line: index + 1) }
            if case .profile(let profile) = section { profiles[profile, default: [:]][name] = value }
        }
        return profiles
    }

    private enum Section {
        case profile(String)
        case other

        init(_ name: String, prefix: String) {
            if name == "default" {
                self = .profile(name)
            } else if prefix.isEmpty {
                self = .profile(name)
            } else if name.hasPrefix(prefix) {
                self = .profile(Self.unquoted(name.dropFirst(prefix.count).trimmed))
            } else {
                self = .other
            }
        }

        private static func unquoted(_ name: String) -> String {
            for quote in ["\"", "'"] where name.count >= 2 && name.hasPrefix(quote) && name.hasSuffix(quote) {
                return String(name.dropFirst().dropLast())
            }
            return name
        }
    }

    /// What stands between brackets; a comment may follow.
    private static func sectionName(_ content: String) -> String? {
        guard let end = content.firstIndex(of: "]") else { return nil }
        let rest = content[content.index(after: end)...].trimmed
        guard rest.isEmpty || rest.hasPrefix("#") || rest.hasPrefix(";") else { return nil }
        let name = content[content.index(after: content.startIndex)..<end].trimmed
        return name.isEmpty ? nil : name
    }

    /// `name = value`; a comment begins at a space and `#` or `;`.
    private static func setting(_ content: String) -> (name: String, value: String)? {
        guard let equals = content.firstIndex(of: "=") else { return nil }
        let name = content[..<equals].trimmed.lowercased()
        guard !name.isEmpty else { return nil }
        var value = content[content.index(after: equals)...].trimmed[...]
        for mark in [" #", " ;", "\t#", "\t;"] {
            if let comment = value.range(of: mark) { value = value[..<comment] }
        }
        return (name, value.trimmed)
    }
}

extension Substring {
    /// Where `text` begins first.
    fileprivate func range(of text: String) -> Index? {
        indices.first { self[$0...].hasPrefix(text) }
    }
}
