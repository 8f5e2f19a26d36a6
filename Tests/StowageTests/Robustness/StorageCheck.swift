import Foundation
import OCI
import Registry
import Testing

/// Looks at the files of a directory store: nothing there may be half-written, whatever happened.
struct StorageCheck {
    private let root: String
    private let paths: [String]

    init(_ root: String) {
        self.root = root
        paths = FileManager.default.subpaths(atPath: root) ?? []
    }

    /// The paths of files below `prefix`.
    private func files(below prefix: String) -> [String] {
        paths.filter { path in
            var isDirectory: ObjCBool = false
            return path.hasPrefix(prefix)
                && FileManager.default.fileExists(atPath: "\(root)/\(path)", isDirectory: &isDirectory)
                && !isDirectory.boolValue
        }
    }

    private func bytes(_ path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(filePath: "\(root)/\(path)")))
    }

    /// Everything that is stored under a digest hashes to it; returns how many blobs there are.
    func contentHashesToItsName() throws -> Int {
        let blobs = files(below: "blobs/")
        let records = files(below: "registry/").filter { $0.contains("/_manifests/") }
        for path in blobs + records {
            let parts = path.split(separator: "/").suffix(2)
            let digest = try Digest(parts.joined(separator: ":"))
            #expect(Digest(of: try bytes(path), algorithm: digest.algorithm) == digest, "\(path)")
        }
        return blobs.count
    }

    /// Every tag parses, and what it refers to is there; returns how many there are.
    func tagsLeadToEverything() throws -> Int {
        let tags = files(below: "manifests/")
        for path in tags {
            #expect(path.hasSuffix("/manifest.json"))
            let bytes = try bytes(path)
            let manifest = try Manifest(bytes: bytes, contentType: nil, digest: Digest(of: bytes))
            let repository = path.split(separator: "/").dropFirst().dropLast(2).joined(separator: "/")
            for descriptor in manifest.references {
                let place = "\(descriptor.digest.algorithm.rawValue)/\(descriptor.digest.hex)"
                let candidates = ["blobs/\(place)", "registry/\(repository)/_manifests/\(place)"]
                let isThere = candidates.contains { FileManager.default.fileExists(atPath: "\(root)/\($0)") }
                #expect(isThere, "\(path) refers to \(descriptor.digest)")
            }
        }
        return tags.count
    }
}
