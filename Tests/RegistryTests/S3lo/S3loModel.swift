import Foundation
import ObjectStorage

/// What s3lo does to a bucket, written from its description and sharing nothing with the registry: the walk over
/// references, the collection of everything else, retention, and its numbers.
struct S3loModel {
    /// s3lo's `clean` stops here, for the whole bucket.
    struct Aborted: Error, CustomStringConvertible {
        let description: String
    }

    /// A tag and its age.
    struct Aged: Equatable {
        let tag: String
        let days: Int
    }

    /// Settings of an image's lifecycle; 0 and empty are unset.
    struct Lifecycle {
        var keepLast = 0
        var maximumDays = 0
        var keepTags: [String] = []
    }

    /// What `stats` says.
    struct Numbers: Equatable {
        var images = 0
        var tags = 0
        var uniqueBlobs = 0
        var logicalBytes = 0
        var storedBytes = 0
    }

    let objects: [String: [UInt8]]

    init(_ store: any ObjectStore) async throws {
        var objects: [String: [UInt8]] = [:]
        for object in try await store.list(prefix: "", after: nil, limit: .max).objects {
            objects[object.key.string] = try await store.bytes(of: object.key, limit: .max)?.bytes
        }
        self.objects = objects
    }

    // MARK: Tags

    var tagKeys: [String] {
        objects.keys.filter { $0.hasPrefix("manifests/") && $0.hasSuffix("/manifest.json") }.sorted()
    }

    /// Tags by image: the last component before the file's name is the tag.
    var images: [String: [String]] {
        var images: [String: [String]] = [:]
        for key in tagKeys {
            let path = key.dropFirst("manifests/".count).dropLast("/manifest.json".count)
            guard let slash = path.lastIndex(of: "/") else { continue }
            images[String(path[..<slash]), default: []].append(String(path[path.index(after: slash)...]))
        }
        return images
    }

    // MARK: Collection

    /// The hex of everything some manifest leads to.
    func references() throws -> Set<String> {
        var found: Set<String> = []
        for key in tagKeys { try walk(objects[key] ?? [], key, &found) }
        return found
    }

    /// The keys a collection removes when everything is old enough.
    func collected() throws -> Set<String> {
        let live = try references()
        var chunks: Set<String> = []
        for (key, bytes) in objects where key.hasPrefix("recipes/sha256/") && live.contains(Self.name(key)) {
            for chunk in try Self.json(bytes, key)["chunks"] as? [[String: Any]] ?? [] {
                if let hex = chunk["digest"] as? String { chunks.insert(hex) }
            }
        }
        return Set(
            objects.keys.filter { key in
                if key.hasPrefix("chunks/sha256/") { return !chunks.contains(Self.name(key)) }
                let isSwept = ["blobs/sha256/", "recipes/sha256/", "indexes/sha256/"].contains { key.hasPrefix($0) }
                return isSwept && !live.contains(Self.name(key))
            })
    }

    private func walk(_ bytes: [UInt8], _ key: String, _ found: inout Set<String>) throws {
        let manifest = try Self.json(bytes, key)
        guard Self.isIndex(manifest) else {
            let config = manifest["config"] as? [String: Any]
            for entry in (config.map { [$0] } ?? []) + (manifest["layers"] as? [[String: Any]] ?? []) {
                if let hex = Self.hex(entry["digest"]) { found.insert(hex) }
            }
            return
        }
        for entry in manifest["manifests"] as? [[String: Any]] ?? [] {
            guard let hex = Self.hex(entry["digest"]) else { continue }
            found.insert(hex)
            let child = "blobs/sha256/\(hex)"
            guard let bytes = objects[child] else { throw Aborted(description: "\(key): no child \(child)") }
            try walk(bytes, child, &found)
        }
    }

    private static func isIndex(_ manifest: [String: Any]) -> Bool {
        let type = manifest["mediaType"] as? String ?? ""
        if type == "application/vnd.oci.image.index.v1+json" { return true }
        if type == "application/vnd.docker.distribution.manifest.list.v2+json" { return true }
        let first = (manifest["manifests"] as? [[String: Any]])?.first
        return type.isEmpty && manifest["schemaVersion"] as? Int == 2 && first?["platform"] != nil
    }

    /// Whatever the algorithm is.
    private static func hex(_ digest: Any?) -> String? {
        let parts = (digest as? String ?? "").split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, (32...128).contains(parts[1].count), parts[1].allSatisfy(\.isHexDigit) else {
            return nil
        }
        return String(parts[1])
    }

    private static func json(_ bytes: [UInt8], _ key: String) throws -> [String: Any] {
        let value = try? JSONSerialization.jsonObject(with: Data(bytes))
        guard let object = value as? [String: Any] else { throw Aborted(description: "\(key) is no JSON object") }
        return object
    }

    private static func name(_ key: String) -> String { key.split(separator: "/").last.map(String.init) ?? "" }

    // MARK: Retention

    /// The tags that a lifecycle removes.
    static func removed(_ tags: [Aged], _ lifecycle: Lifecycle) -> [String] {
        if lifecycle.keepLast == 0, lifecycle.maximumDays == 0 { return [] }
        var kept = 0
        var removed: [String] = []
        for tag in tags.sorted(by: { $0.days < $1.days }) where !lifecycle.keepTags.contains(tag.tag) {
            if kept < lifecycle.keepLast {
                kept += 1
            } else if lifecycle.maximumDays == 0 || tag.days > lifecycle.maximumDays {
                removed.append(tag.tag)
            }
        }
        return removed
    }

    // MARK: Numbers

    /// What `stats` computes for the whole bucket.
    var numbers: Numbers {
        var numbers = Numbers()
        numbers.images = images.count
        numbers.tags = tagKeys.count
        numbers.uniqueBlobs = objects.keys.count { $0.hasPrefix("blobs/sha256/") }
        for (key, bytes) in objects where key.hasPrefix("blobs/sha256/") || key.hasPrefix("chunks/sha256/") {
            numbers.storedBytes += bytes.count
        }
        for key in tagKeys {
            var seen: Set<String> = []
            // An unreadable tag counts nothing.
            numbers.logicalBytes += (try? logicalSize(objects[key] ?? [], key, &seen)) ?? 0
        }
        return numbers
    }

    private func logicalSize(_ bytes: [UInt8], _ key: String, _ seen: inout Set<String>) throws -> Int {
        let manifest = try Self.json(bytes, key)
        guard Self.isIndex(manifest) else {
            let config = manifest["config"] as? [String: Any]
            let entries = (config.map { [$0] } ?? []) + (manifest["layers"] as? [[String: Any]] ?? [])
            return entries.reduce(0) { $0 + ($1["size"] as? Int ?? 0) }
        }
        var sum = 0
        for entry in manifest["manifests"] as? [[String: Any]] ?? [] {
            guard let hex = Self.hex(entry["digest"]), seen.insert(hex).inserted else { continue }
            guard let child = objects["blobs/sha256/\(hex)"] else { throw Aborted(description: "\(key): no child") }
            sum += try logicalSize(child, key, &seen)
        }
        return sum
    }
}
