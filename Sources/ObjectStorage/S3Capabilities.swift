/// What a bucket was found to be able to do, beyond storing objects.
package struct S3Capabilities: Sendable, Equatable {
    /// Something that S3 promises and not every server keeps.
    package enum Feature: String, CaseIterable, Sendable {
        case createOnce = "create-once"
        case compareAndSwap = "compare-and-swap"
        case conditionalComplete = "create-once of multipart uploads"
        case conditionalCopy = "create-once of copies"
        case conditionalDelete = "conditional delete"
        case payloadHash = "payload hash"
        case partMinimum = "part minimum"
        case listOrder = "list order"
    }

    /// How a bucket answered to the test of a feature.
    package enum State: Sendable, Equatable {
        case works
        /// The request was carried out as if it had not asked for the feature.
        case ignored
        /// The request was refused, with the service's reason.
        case refused(String)
        /// Not tested.
        case unknown
    }

    /// What was found about one feature; its description is a line for a log.
    package struct Finding: Sendable, Equatable, CustomStringConvertible {
        package let feature: Feature
        package let state: State
        /// What is lost, in one sentence; nil when nothing is.
        package let consequence: String?

        package var description: String {
            let result =
                switch state {
                case .works: "works"
                case .ignored: "ignored"
                case .refused(let reason): "refused (\(reason))"
                case .unknown: "not tested"
                }
            return "\(feature.rawValue): \(result)\(consequence.map { "; \($0)" } ?? "")"
        }
    }

    /// Where the probe puts its objects; it removes them.
    static let prefix = "registry/_probe/"

    /// One finding for each feature.
    package private(set) var findings = Feature.allCases.map {
        Finding(feature: $0, state: .unknown, consequence: nil)
    }

    package init() {}

    /// Whether the store may rely on a feature. One that was not tested it relies on only if every S3 has it.
    package func works(_ feature: Feature) -> Bool {
        switch self[feature].state {
        case .works: true
        case .unknown: feature == .createOnce
        case .ignored, .refused: false
        }
    }

    /// The finding about a feature.
    package subscript(feature: Feature) -> Finding {
        findings.first { $0.feature == feature } ?? Finding(feature: feature, state: .unknown, consequence: nil)
    }

    /// Notes how a test went.
    mutating func note(_ feature: Feature, _ state: State) {
        let isFine = state == .works || state == .unknown
        let finding = Finding(feature: feature, state: state, consequence: isFine ? nil : feature.consequence)
        findings = findings.map { $0.feature == feature ? finding : $0 }
    }

    static func newKey() -> ObjectKey {
        ObjectKey(prefix + String(UInt64.random(in: 0...UInt64.max), radix: 16))
    }
}

extension S3Capabilities.Feature {
    /// What is lost without it.
    fileprivate var consequence: String {
        switch self {
        case .createOnce:
            "of two writers that create the same object at the same moment both may believe that they did: immutable tags "
                + "are no protection against a race, and replicas that start together on an empty bucket may disagree"
        case .compareAndSwap:
            "of two writers that replace the same object at the same moment one is lost without a word"
        case .conditionalComplete:
            "large objects are looked for before they are completed, which is no protection against a race; blobs need none"
        case .conditionalCopy:
            "copies look for their target before they are made, which is no protection against a race; blobs need none"
        case .conditionalDelete:
            "an object that is replaced at the very moment in which its predecessor is deleted may be deleted instead"
        case .payloadHash:
            "a body that is damaged on the way is stored: use an https endpoint"
        case .partMinimum:
            "nothing: parts are never shorter than S3 demands"
        case .listOrder:
            "listings of tags, repositories and statistics may be incomplete: this server cannot be used"
        }
    }
}
