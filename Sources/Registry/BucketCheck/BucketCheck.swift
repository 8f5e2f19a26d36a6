import OCI
package import ObjectStorage
import Synchronization

/// A walk over a whole store that looks for what is broken; nothing is written.
///
/// One listing in the order of the keys, which has blobs before the manifests that refer to them. Whatever looks missing
/// or short is asked for again before it is reported, because pushes and deletes go on meanwhile. Memory: a page of keys,
/// the manifests that are being read, and 24 bytes for each blob and chunk, up to `DigestTable.maximumCount`.
package struct BucketCheck: Sendable {
    /// How far a check is.
    package struct Progress: Sendable {
        package var objects = 0
        package var manifests = 0
    }

    /// Manifests read at once.
    private static let readers = 16

    let store: any ObjectStore
    private let page: Int
    private let report: @Sendable (Progress) -> Void

    /// `report` is called after every `page` keys.
    package init(
        _ store: any ObjectStore, page: Int = walkedPage, report: @escaping @Sendable (Progress) -> Void = { _ in }
    ) {
        self.store = store
        self.page = page
        self.report = report
    }

    /// Walks the store. Throws `ObjectStoreError` when the store fails; what is wrong with its content is in the report.
    package func run() async throws -> BucketReport {
        var result = BucketReport()
        var content = Content()
        var progress = Progress()
        let done = CheckedDigests()
        try await store.forEachPage(prefix: "", limit: page) { page in
            var tasks: [Task] = []
            for object in page { note(object, &result, &content, &tasks) }
            progress.objects += page.count
            progress.manifests += tasks.count
            // Tags first: problems are told by the names people know.
            for isTag in [true, false] {
                let tasks = tasks.filter { $0.isTag == isTag }
                for problem in try await problems(tasks, content, done) { result.add(problem) }
            }
            report(progress)
        }
        return result
    }

    /// Sizes of what manifests and recipes refer to.
    struct Content: Sendable {
        var blobs = DigestTable()
        var chunks = DigestTable()
    }

    /// An object that has to be read or asked for.
    enum Task: Sendable {
        case tag(ObjectKey, RepositoryName, Tag)
        case manifest(ObjectKey, RepositoryName, Digest)
        case referrer(ObjectKey, Digest, RepositoryName)

        fileprivate var isTag: Bool {
            if case .tag = self { true } else { false }
        }
    }

    private func note(
        _ object: ListedObject, _ result: inout BucketReport, _ content: inout Content, _ tasks: inout [Task]
    ) {
        result.objects += 1
        result.bytes = result.bytes.addingUpToMaximum(object.size)
        switch BucketKey(object.key) {
        case .blob(let digest):
            result.blobs += 1
            content.blobs.append(digest, size: object.size)
        case .chunk(let digest):
            result.s3lo += 1
            content.chunks.append(digest, size: object.size)
        case .tag(let name, let tag):
            result.tags += 1
            tasks.append(.tag(object.key, name, tag))
        case .manifest(let name, let digest):
            result.manifests += 1
            tasks.append(.manifest(object.key, name, digest))
        case .digestTag(let name, let digest): tasks.append(.manifest(object.key, name, digest))
        case .referrer(let referrer, _, let name): tasks.append(.referrer(object.key, referrer, name))
        case .upload: result.uploads += 1
        case .recipe, .s3lo: result.s3lo += 1
        case .lookalike: result.add(BucketProblem(kind: .lookalike, text: object.key.string))
        case .foreign: result.foreign.add(object.key.string)
        case .link, .catalog, .service: break
        }
    }

    /// What is wrong with some objects, a few of them looked at together.
    private func problems(_ tasks: [Task], _ content: Content, _ done: CheckedDigests) async throws -> [BucketProblem] {
        try await withThrowingTaskGroup(of: [BucketProblem].self) { group in
            var problems: [BucketProblem] = []
            for (index, task) in tasks.enumerated() {
                if index >= Self.readers, let found = try await group.next() { problems += found }
                group.addTask { try await ManifestCheck(store: store, content: content, done: done).problems(task) }
            }
            for try await found in group { problems += found }
            return problems
        }
    }
}

/// Manifests whose references were looked at. The same ones are tags of many repositories.
final class CheckedDigests: Sendable {
    /// More are looked at again instead of remembered.
    private static let maximumCount = 200_000

    private let digests = Mutex<Set<Digest>>([])

    /// Whether nobody has looked at `digest` yet; the caller does now.
    func insert(_ digest: Digest) -> Bool {
        digests.withLock { digests in
            if digests.count >= Self.maximumCount { digests.removeAll() }
            return digests.insert(digest).inserted
        }
    }
}
