import Access
import OCI
import Registry
import TestSupport
import Testing

/// The rules of the table, once as a configuration has them and once more in the simplest words.
enum TableRules {
    static func policy() throws -> Policy {
        try Policy(
            "deny overwrite,delete to everybody in team/** tags release-*",
            "allow pull,push,overwrite,delete to user:alice",
            "allow pull to everybody in public/*",
            "allow pull,push to user:bob in team/**",
            "allow overwrite to user:bob in team/** tags dev-*",
            "allow pull to user:carol in team/** tags v*",
            "allow pull,push,delete to user:dave in team/app",
            "allow overwrite to user:dave in team/app tags v1")
    }

    /// Whether `who` (empty for anonymous) may do it, to the content where there is no tag.
    static func allow(_ who: String, _ action: String, _ repository: String, _ tag: String?) -> Bool {
        let inTeam = repository.hasPrefix("team/")
        if inTeam, action == "delete", tag == nil || tag!.hasPrefix("release-") { return false }
        if inTeam, action == "overwrite", let tag, tag.hasPrefix("release-") { return false }
        if who == "alice" { return true }
        if action == "pull", ["public/base", "public/none"].contains(repository) { return true }
        switch who {
        case "bob":
            if !inTeam { return false }
            return action == "pull" || action == "push"
                || (action == "overwrite" && (tag == nil || tag!.hasPrefix("dev-")))
        case "carol": return inTeam && action == "pull" && (tag == nil || tag!.hasPrefix("v"))
        case "dave":
            if repository != "team/app" { return false }
            return action != "overwrite" || tag == nil || tag == "v1"
        default: return false
        }
    }
}

/// A request that changes nothing, whoever sends it: what it is about is missing or broken where it would.
struct Probe {
    let method: String
    let target: String
    var fields: [(String, String)] = []
    var body: [UInt8] = []
    /// Action and tag; all are needed, and of those within one at least one.
    var needs: [[(action: String, tag: String?)]]

    private static let absent = Digest(of: Array("nowhere".utf8))

    static func all(in name: String, manifest: Digest, blob: Digest) -> [Probe] {
        reads(name, manifest, blob) + uploads(name) + changes(name)
    }

    private static func reads(_ name: String, _ manifest: Digest, _ blob: Digest) -> [Probe] {
        var probes: [Probe] = []
        for method in ["GET", "HEAD"] {
            for tag in ["v1", "dev-1", "release-1", "nope"] {
                probes.append(
                    Probe(method: method, target: "/v2/\(name)/manifests/\(tag)", needs: [[("pull", tag)]]))
            }
            for rest in [
                "tags/list", "tags/list?n=1&last=a", "manifests/\(manifest)", "manifests/\(absent)", "blobs/\(blob)",
                "blobs/\(absent)", "referrers/\(manifest)", "referrers/\(absent)?artifactType=x",
            ] {
                probes.append(Probe(method: method, target: "/v2/\(name)/\(rest)", needs: [[("pull", nil)]]))
            }
        }
        probes.append(
            Probe(
                method: "GET", target: "/v2/\(name)/blobs/\(blob)", fields: [("Range", "bytes=0-0")],
                needs: [[("pull", nil)]]))
        return probes
    }

    private static func uploads(_ name: String) -> [Probe] {
        let uploads = "/v2/\(name)/blobs/uploads/"
        return [
            ("POST", uploads), ("POST", "\(uploads)?digest=\(absent)"), ("POST", "\(uploads)?mount=\(absent)"),
            ("POST", "\(uploads)?mount=\(absent)&from=public/source"), ("GET", "\(uploads)x"), ("PATCH", "\(uploads)x"),
            ("PUT", "\(uploads)x?digest=\(absent)"), ("DELETE", "\(uploads)x"),
        ].map { Probe(method: $0.0, target: $0.1, body: [1], needs: [[("push", nil)]]) }
    }

    private static func changes(_ name: String) -> [Probe] {
        var probes: [Probe] = []
        for tag in ["v1", "dev-1", "release-1", "new"] {
            probes.append(
                Probe(
                    method: "PUT", target: "/v2/\(name)/manifests/\(tag)", body: [1],
                    needs: [[("push", nil)], [("push", tag), ("overwrite", tag)]]))
        }
        probes.append(
            Probe(
                method: "PUT", target: "/v2/\(name)/manifests/\(absent)?tag=v1&tag=release-2", body: [1],
                needs: [
                    [("push", nil)], [("push", "v1"), ("overwrite", "v1")],
                    [("push", "release-2"), ("overwrite", "release-2")],
                ]))
        for (rest, tag) in [
            ("manifests/gone", "gone"), ("manifests/release-9", "release-9"), ("manifests/\(absent)", nil),
            ("blobs/\(absent)", nil),
        ] {
            probes.append(Probe(method: "DELETE", target: "/v2/\(name)/\(rest)", needs: [[("delete", tag)]]))
        }
        return probes + unusual(name)
    }

    /// Methods that their endpoints do not have: who may not do anything learns no more of them, either.
    private static func unusual(_ name: String) -> [Probe] {
        ["POST", "PATCH", "OPTIONS", "TRACE", "FLY", "get"].flatMap { method in
            [
                ("manifests/\(absent)", [[("push", nil)]]),
                ("manifests/dev-1", [[("push", nil)], [("push", "dev-1"), ("overwrite", "dev-1")]]),
                ("blobs/\(absent)", [[("delete", nil)]]), ("tags/list", [[("pull", nil)]]),
                ("referrers/\(absent)", [[("pull", nil)]]),
            ].map { Probe(method: method, target: "/v2/\(name)/\($0.0)", needs: $0.1) }
        }
    }
}

/// How somebody shows who they are.
struct Shower {
    /// Empty for anonymous, nil for credentials that are wrong.
    let who: String?
    let fields: [(String, String)]
    /// Actions of its token and the repository they are for; nil without a token.
    var token: (actions: Set<String>, repository: String)?

    /// What the table expects: 0 for whatever comes after the decision.
    func expected(_ probe: Probe, in repository: String) -> Int {
        guard let who else { return 401 }
        func opens(_ action: String) -> Bool {
            guard let token else { return true }
            return token.repository == repository && token.actions.contains(action == "overwrite" ? "push" : action)
        }
        for need in probe.needs {
            let allowed = need.filter { TableRules.allow(who, $0.action, repository, $0.tag) }
            if allowed.isEmpty { return who.isEmpty ? 401 : 403 }
            if !allowed.contains(where: { opens($0.action) }) { return 401 }
        }
        return 0
    }

    /// Whether the rules refuse it, whatever a token opens.
    func isRefused(_ probe: Probe, in repository: String) -> Bool {
        guard let who else { return true }
        return probe.needs.contains { need in
            !need.contains { TableRules.allow(who, $0.action, repository, $0.tag) }
        }
    }

    static func all(_ fixture: AccessFixture, in repository: String) async throws -> [Shower] {
        var all = [
            Shower(who: "", fields: []), Shower(who: "", fields: [("Authorization", "Basic Og==")]),
            Shower(who: nil, fields: [("Authorization", "Bearer x.y.z")]),
        ]
        for who in ["", "alice", "bob", "carol", "dave", "erin"] {
            if !who.isEmpty { all.append(Shower(who: who, fields: [basic(who)])) }
            let identity = who.isEmpty ? Identity.anonymous : Identity(.password, name: who)
            for (actions, name) in [
                ("pull", repository), ("pull,push,delete", repository), ("pull,push", "team/other"),
            ] {
                let field = try await fixture.token(identity, "repository:\(name):\(actions)")
                all.append(
                    Shower(
                        who: who, fields: [field],
                        token: (Set(actions.split(separator: ",").map(String.init)), name)))
            }
        }
        return all
    }
}
