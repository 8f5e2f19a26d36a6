import Foundation
import TestSupport

/// What a server of the tests keeps everything in.
enum Storage: String, CaseIterable, Sendable {
    case directory
    /// A bucket of Ceph's object gateway.
    case bucket

    /// What the arguments of every test are: all, unless there are no S3 servers on this machine.
    static let tested = allCases.filter { $0 == .directory || S3Server.isEnabled }

    /// Storage of one test.
    struct Place: Sendable {
        /// The options by which a server uses it.
        let options: [String]
        /// What it finds its credentials in.
        let environment: [String: String]
        /// Gives every key and its bytes.
        private let list: @Sendable () throws -> [String: Int]

        /// Stores an object behind the server's back.
        let put: @Sendable (_ bytes: [UInt8], _ key: String) throws -> Void

        fileprivate init(
            options: [String], environment: [String: String],
            put: @escaping @Sendable (_ bytes: [UInt8], _ key: String) throws -> Void,
            list: @escaping @Sendable () throws -> [String: Int]
        ) {
            (self.options, self.environment, self.put, self.list) = (options, environment, put, list)
        }

        /// How many bytes are stored under every key.
        func objects() throws -> [String: Int] { try list() }
    }

    /// Storage that nothing else uses; a directory is below `scratch`.
    func fresh(in scratch: Scratch, through proxy: FaultProxy? = nil) throws -> Place {
        switch self {
        case .directory:
            let path = scratch.file("storage")
            return Place(options: ["--storage", path], environment: [:]) { bytes, key in
                let file = URL(filePath: "\(path)/\(key)")
                try FileManager.default.createDirectory(
                    at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(bytes).write(to: file, options: .atomic)
            } list: {
                try Self.files(below: path)
            }
        case .bucket:
            let bucket = S3Place(on: try S3Server.shared())
            let options = ["--storage", bucket.location] + bucket.options(through: proxy)
            return Place(options: options, environment: S3Server.environment) {
                try bucket.put($0, $1)
            } list: {
                Dictionary(uniqueKeysWithValues: try bucket.objects().map { ($0.key, $0.size) })
            }
        }
    }

    /// The sizes of the files that are keys.
    private static func files(below root: String) throws -> [String: Int] {
        let paths = try FileManager.default.subpathsOfDirectory(atPath: root).filter { !$0.hasPrefix(".stowage") }
        return try paths.reduce(into: [:]) { sizes, path in
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(root)/\(path)")
            guard attributes[.type] as? FileAttributeType == .typeRegular else { return }
            sizes[path] = attributes[.size] as? Int
        }
    }
}
