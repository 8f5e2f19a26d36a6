import EventLoop
import Glibc
import Yams

/// A configuration file: its text, and the tree of settings in it.
enum ConfigurationFile {
    /// More than any configuration file has, in bytes.
    private static let maximumSize = 1 << 20

    /// The settings in the file at `path`; nil when it has none. Every complaint begins with the path, and with the
    /// line if there is one.
    static func settings(at path: String) throws(ConfigurationError) -> Node? {
        let text = try text(at: path)
        do {
            return try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw ConfigurationError("\(path)\(complaint(error))")
        } catch {
            throw ConfigurationError("\(path): \(error)")
        }
    }

    /// The text of a small file that `setting` names.
    static func text(at path: String, setting: String) throws(ConfigurationError) -> String {
        do throws(ConfigurationError) {
            return try text(at: path)
        } catch {
            throw ConfigurationError("\(setting): \(error)")
        }
    }

    private static func text(at path: String) throws(ConfigurationError) -> String {
        let bytes: [UInt8]
        do throws(SystemCallError) {
            bytes = try SmallFile.bytes(at: path, limit: maximumSize)
        } catch {
            throw ConfigurationError("\(path): \(String(cString: strerror(error.code)))")
        }
        guard bytes.count <= maximumSize, let text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationError("\(path): not a UTF-8 text of at most \(maximumSize) bytes")
        }
        return text
    }

    /// What is wrong with a text that is no YAML, with the line before it. Never the text itself, as Yams has it.
    private static func complaint(_ error: YamlError) -> String {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            ":\(mark.line): no valid YAML: \(problem)\(context.map { " (\($0.text))" } ?? "")"
        case .reader(let problem, let offset, _, let text):
            ":\(1 + text.prefix(offset ?? 0).count(where: \.isNewline)): no valid YAML: \(problem)"
        case .duplicatedKeysInMapping(let keys, let context):
            ":\(context.mark.line): \(keys.map(\.onOneLine).joined(separator: ", ")): given more than once"
        default: ": no valid YAML"
        }
    }
}
