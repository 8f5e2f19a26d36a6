import Foundation
import OCI
import Registry
import TestSupport
import Testing

/// Looks at what a registry has stored: nothing there may be half-written, whatever happened.
struct StorageCheck {
    private let keys: [String]
    private let bytes: (String) throws -> [UInt8]

    /// The files of a directory.
    init(_ root: String) {
        keys = (FileManager.default.subpaths(atPath: root) ?? []).filter { path in
            var isDirectory: ObjCBool = false
            return FileManager.default.fileExists(atPath: "\(root)/\(path)", isDirectory: &isDirectory)
                && !isDirectory.boolValue
        }
        bytes = { Array(try Data(contentsOf: URL(filePath: "\(root)/\($0)"))) }
    }

    /// The objects of a place in a bucket.
    init(_ place: S3Place) throws {
        keys = try place.objects().map(\.key)
        bytes = { try #require(try place.bytes($0), "\($0)") }
    }

    /// Everything that is stored under a digest hashes to it; returns how many blobs there are.
    func contentHashesToItsName() throws -> Int {
        let blobs = keys.filter { $0.hasPrefix("blobs/") }
        let records = keys.filter { $0.hasPrefix("registry/") && $0.contains("/_manifests/") }
        for key in blobs + records {
            let parts = key.split(separator: "/").suffix(2)
            let digest = try Digest(parts.joined(separator: ":"))
            #expect(Digest(of: try bytes(key), algorithm: digest.algorithm) == digest, "\(key)")
        }
        return blobs.count
    }

    /// Every tag parses, and what it refers to is there; returns how many there are.
    func tagsLeadToEverything() throws -> Int {
        let all = Set(keys)
        let tags = keys.filter { $0.hasPrefix("manifests/") }
        for key in tags {
            #expect(key.hasSuffix("/manifest.json"))
            let bytes = try bytes(key)
            let manifest = try Manifest(bytes: bytes, contentType: nil, digest: Digest(of: bytes))
            let repository = key.split(separator: "/").dropFirst().dropLast(2).joined(separator: "/")
            for descriptor in manifest.references {
                let place = "\(descriptor.digest.algorithm.rawValue)/\(descriptor.digest.hex)"
                let candidates = ["blobs/\(place)", "registry/\(repository)/_manifests/\(place)"]
                #expect(candidates.contains { all.contains($0) }, "\(key) refers to \(descriptor.digest)")
            }
        }
        return tags.count
    }
}
