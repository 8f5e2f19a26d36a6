import Access

extension Configuration {
    /// Who may do what: the rules, or without any whoever has logged in. Throws a `ConfigurationError` with the line of
    /// the file where something is wrong.
    func policy() throws(ConfigurationError) -> Policy {
        var rules: [Rule] = []
        var problems: [String] = []
        for entry in access.rules.all {
            do throws(PolicyError) {
                rules.append(try entry.rule)
            } catch {
                problems.append(entry.complaint(error))
            }
        }
        guard problems.isEmpty else { throw ConfigurationError(problems) }
        do throws(PolicyError) {
            // Groups count without rules, too.
            let policy = try Policy(
                rules: rules, groups: access.groupMembers, issuers: Set(access.issuers.all.map(\.name)))
            return access.hasRules ? policy : isControlled ? .authenticated : .open
        } catch {
            throw ConfigurationError(complaint(error))
        }
    }

    private func complaint(_ error: PolicyError) -> String {
        if let name = error.group, let group = access.groups.all.first(where: { $0.name.text == name }) {
            return group.complaint(error)
        }
        if let index = error.rule, access.rules.all.indices.contains(index) {
            return access.rules.all[index].complaint(error)
        }
        return "access.rules: \(error)"
    }
}

extension Configuration.Access {
    fileprivate var groupMembers: [String: [String]] {
        Dictionary(groups.all.map { ($0.name.text, $0.members.map(\.text)) }) { first, _ in first }
    }
}

extension GroupEntry {
    fileprivate func complaint(_ error: PolicyError) -> String {
        let member = error.index.flatMap { members.indices.contains($0) ? members[$0] : nil }
        return "\((member ?? name).place): access.groups: \(name.text.onOneLine): \(error.reason)"
    }
}

extension RuleEntry {
    fileprivate var rule: Rule {
        get throws(PolicyError) {
            let actions = actions.map(\.text)
            return try Rule(
                subjects: who.map(\.text), allow: isAllowing ? actions : nil, deny: isAllowing ? nil : actions,
                repositories: repositories?.map(\.text), tags: tags?.map(\.text))
        }
    }

    fileprivate func complaint(_ error: PolicyError) -> String {
        let (name, texts) = list(error.field)
        let text = error.index.flatMap { texts.indices.contains($0) ? texts[$0] : nil }
        return "\(text?.place ?? place): access.rules: \(name.map { "\($0): " } ?? "the rule ")\(error.reason)"
    }

    private func list(_ field: PolicyError.Field?) -> (name: String?, texts: [PlacedText]) {
        switch field {
        case .subjects: ("who", who)
        case .allow: ("allow", actions)
        case .deny: ("deny", actions)
        case .repositories: ("repositories", repositories ?? [])
        case .tags: ("tags", tags ?? [])
        case nil: (nil, [])
        }
    }
}
