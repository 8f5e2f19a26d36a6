import EventLoop
import ObjectStorage
import Registry

/// Looks at a store and the way to it.
struct Doctor: Sendable {
    private let opened: OpenedStore
    private let readOnly: Bool

    /// Opens the store without asking or making anything. Throws `ConfigurationError`.
    init(_ configuration: Configuration) throws {
        readOnly = configuration.readOnly
        var unchanged = configuration
        // A directory that does not exist is a finding, not to be made.
        unchanged.readOnly = true
        opened = try OpenedStore(unchanged, loops: try configuration.makeLoops(), blockingWork: BlockingWork())
    }

    /// Does every check that makes sense after those before it; `progress` is told how far the walk is.
    func examine(_ progress: @escaping @Sendable (BucketCheck.Progress) -> Void) async -> DoctorReport {
        var report = DoctorReport(storage: opened.summary)
        let isUsable: Bool
        switch opened {
        case .directory(let store): isUsable = await examine(store, &report)
        case .bucket(let connection):
            isUsable = await BucketExamination(connection, readOnly: readOnly).run(&report)
        }
        guard isUsable else { return report }
        do {
            report.add(try await BucketCheck(opened.store, report: progress).run())
        } catch {
            report.add("content", .wrong, "the objects cannot be looked at: \(OpenedStore.reason(error))")
        }
        return report
    }

    private func examine(_ store: DirectoryObjectStore, _ report: inout DoctorReport) async -> Bool {
        do {
            try await store.probe(readOnly: readOnly)
            report.add("access", .ok, readOnly ? "the directory can be read" : "the directory can be read and written")
            return true
        } catch {
            report.add("access", .wrong, "the directory cannot be used: \(OpenedStore.reason(error))")
            return false
        }
    }
}

extension DoctorReport {
    /// What a walk over the objects has found.
    mutating func add(_ content: BucketReport) {
        let counts = """
            \(content.objects) objects, \(ByteCount.rounded(content.bytes)): \(content.tags) tags, \
            \(content.manifests) manifests, \(content.blobs) blobs, \(content.s3lo) of s3lo's own
            """
        add("content", .ok, counts)
        if content.uploads > 0 {
            add("uploads", .ok, "\(content.uploads) objects of unfinished uploads, which the server removes")
        }
        if content.foreign.count > 0 {
            let text = """
                \(content.foreign.count) objects are neither Stowage's nor s3lo's and are left alone; a prefix, as in \
                s3://BUCKET/PREFIX, keeps things apart
                """
            add("keys", .advice, text, content.foreign.lines)
        }
        for kind in BucketReport.Kind.allCases {
            guard let found = content.problems[kind] else { continue }
            let (check, one, many, remedy) = kind.words
            add(check, .wrong, "\(found.count) \(found.count == 1 ? one : many): \(remedy)", found.lines)
        }
    }
}

extension BucketReport.Findings {
    /// The examples, and how many more there are.
    fileprivate var lines: [String] {
        examples + (count > examples.count ? ["and \(count - examples.count) more"] : [])
    }
}

extension BucketReport.Kind {
    /// The check, one of them, several of them, and what to do.
    fileprivate var words: (check: String, one: String, many: String, remedy: String) {
        switch self {
        case .lookalike:
            (
                "keys", "object lies where only Stowage's own keys belong",
                "objects lie where only Stowage's own keys belong", "nothing reads them; move them away"
            )
        case .unreadableManifest:
            (
                "manifests", "tag or record is no manifest", "tags or records are no manifests",
                "push the images again, or delete the tags"
            )
        case .wrongDigest:
            (
                "manifests", "manifest has other bytes than its digest says",
                "manifests have other bytes than their digests say", "push the images again"
            )
        case .missing:
            (
                "references", "reference leads to content that is not there",
                "references lead to content that is not there", "push the images again"
            )
        case .wrongSize:
            (
                "sizes", "object has another size than a manifest says",
                "objects have another size than manifests say",
                "it was cut or replaced; delete it and push the image again"
            )
        case .brokenRecipe:
            (
                "chunks", "layer in chunks cannot be put together", "layers in chunks cannot be put together",
                "push the images again with s3lo"
            )
        case .missingReferrer:
            (
                "referrers", "referrer is listed that is not there", "referrers are listed that are not there",
                "push them again, or delete the keys"
            )
        }
    }
}

extension ByteCount {
    /// A size for people, such as `12.3 GiB`.
    static func rounded(_ bytes: Int) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
        var (value, unit) = (Double(bytes), 0)
        while value >= 1024, unit < units.count - 1 { (value, unit) = (value / 1024, unit + 1) }
        return unit == 0 ? "\(bytes) B" : "\((value * 10).rounded() / 10) \(units[unit])"
    }
}
