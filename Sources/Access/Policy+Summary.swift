extension Policy {
    /// What decided, in words: `rule 3 (allow pull to group:dev in team/**)`. Rules are counted from 1.
    package func summary(of decision: Decision) -> String {
        if let index = decision.rule, rules.indices.contains(index) { return "rule \(index + 1) (\(rules[index]))" }
        return switch mode {
        case .open: "no rules and no logins: everybody may do everything"
        case .authenticated: "no rules: whoever has logged in may do everything"
        case .rules: "no rule allows it"
        }
    }
}
