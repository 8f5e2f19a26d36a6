/// What a check of a store's content found.
package struct BucketReport: Equatable, Sendable {
    /// What is wrong with an object or what is missing.
    package enum Kind: String, CaseIterable, Sendable {
        /// A key in a place where only keys of another form belong.
        case lookalike
        /// A tag or a manifest record whose bytes are no manifest.
        case unreadableManifest
        /// A manifest record whose bytes have another digest.
        case wrongDigest
        /// A manifest refers to content that is not there.
        case missing
        /// An object has another size than a manifest says.
        case wrongSize
        /// A layer in chunks that cannot be put together.
        case brokenRecipe
        /// A referrer is listed that is not there.
        case missingReferrer
    }

    /// Everything of one kind: how often, and the first few in their order, a sentence each.
    package struct Findings: Equatable, Sendable {
        package var count = 0
        package var examples: [String] = []

        package init() {}

        /// Counts one more. Objects are looked at many at a time, and which is first changes no report.
        package mutating func add(_ example: String) {
            count += 1
            if examples.count == BucketReport.maximumExamples {
                guard let last = examples.last, example < last else { return }
                examples.removeLast()
            }
            examples.insert(example, at: examples.firstIndex { example < $0 } ?? examples.endIndex)
        }
    }

    /// Examples kept of each kind.
    package static let maximumExamples = 10

    package var objects = 0
    package var bytes = 0
    package var blobs = 0
    package var tags = 0
    /// Manifests kept under a digest.
    package var manifests = 0
    /// Objects of unfinished uploads.
    package var uploads = 0
    /// Objects only s3lo reads or writes.
    package var s3lo = 0
    /// Objects that neither Stowage nor s3lo writes.
    package var foreign = Findings()
    package var problems: [Kind: Findings] = [:]

    package init() {}

    mutating func add(_ problem: BucketProblem) {
        problems[problem.kind, default: Findings()].add(problem.text)
    }
}

/// One thing that is wrong.
struct BucketProblem: Sendable {
    let kind: BucketReport.Kind
    let text: String
}
