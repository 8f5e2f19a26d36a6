import Registry
import Yams

extension S3loSettings {
    /// Reads the text of `s3lo.yaml`. Unknown keys are s3lo's own business; what is understood must be of the right kind.
    init(yaml bytes: [UInt8]) throws {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw S3loSettingsError(reason: "no UTF-8") }
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw S3loSettingsError(reason: "no valid YAML")
        }
        guard let top = try Self.mapping(root, "the file") else {
            self.init()
            return
        }
        var images: [String: Bool?] = [:]
        for (key, value) in try Self.mapping(top["images"], "images") ?? Node.Mapping([]) {
            guard let pattern = key.scalar?.string else { throw S3loSettingsError(reason: "an image is no text") }
            images[pattern] = .some(try Self.immutable(value, pattern))
        }
        self.init(defaultImmutable: try Self.immutable(top["default"], "default"), images: images)
    }

    private static func immutable(_ settings: Node?, _ place: String) throws -> Bool? {
        guard let value = try mapping(settings, place)?["immutable"], !isNull(value) else { return nil }
        guard let immutable = value.bool else {
            throw S3loSettingsError(reason: "immutable of \(place) is neither true nor false")
        }
        return immutable
    }

    /// nil for what is absent or null.
    private static func mapping(_ node: Node?, _ place: String) throws -> Node.Mapping? {
        guard let node, !isNull(node) else { return nil }
        guard let mapping = node.mapping else { throw S3loSettingsError(reason: "\(place) is no mapping") }
        return mapping
    }

    private static func isNull(_ node: Node) -> Bool { node.null != nil }
}

/// Why `s3lo.yaml` cannot be understood.
struct S3loSettingsError: Error, CustomStringConvertible {
    let reason: String

    var description: String { reason }
}
