import OCI

/// What is wrong with a rule or a group, and where.
package struct PolicyError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A list of a rule.
    package enum Field: String, Sendable {
        case subjects, allow, deny, repositories, tags
    }

    /// The rule's index, from 0; nil when a group is wrong, or when the rule is not part of a policy yet.
    package var rule: Int?
    /// The list that is wrong; nil when it is the rule as a whole.
    package let field: Field?
    /// The index within the list, from 0; nil when it is the list as a whole. With a group, the index of the member.
    package let index: Int?
    /// The group that is wrong.
    package let group: String?
    /// What is wrong, as a sentence without its subject: "names the unknown group …".
    package let reason: String

    init(_ field: Field?, at index: Int? = nil, _ reason: String) {
        self.field = field
        self.index = index
        self.reason = reason
        group = nil
    }

    init(group: String, member index: Int? = nil, _ reason: String) {
        self.group = group
        self.index = index
        self.reason = reason
        field = nil
    }

    package var description: String {
        let place =
            group.map { ["group \($0.excerpt)", index.map { "member \($0 + 1)" }] }
            ?? [rule.map { "rule \($0 + 1)" }, field?.rawValue, index.map { "entry \($0 + 1)" }]
        let text = place.compactMap { $0 }.joined(separator: ", ")
        return text.isEmpty ? "the rule \(reason)" : "\(text): \(reason)"
    }
}
