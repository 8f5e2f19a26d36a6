import Foundation
import Testing

extension EndToEnd {
    /// Every client over TLS with an authority of its own, by each login it can use, and what rules let it do then.
    @Suite struct ClientLoginTests {
        struct Case: CustomTestStringConvertible, Sendable {
            let client: ClientKind
            let login: Login
            var testDescription: String { "\(client.rawValue), \(login.rawValue)" }

            static let all = ClientKind.allCases.flatMap { client in
                Login.allCases.filter(client.canUse).map { Case(client: client, login: $0) }
            }
        }

        @Test(arguments: Case.all)
        func doesWhatRulesAllow(_ test: Case) async throws {
            try await withGuardedRegistry { registry in
                let client = try test.client.start(registry)
                defer { client.stop() }
                for place in ["team", "shared", "secret"] {
                    try registry.put(client.content, as: "\(place)/others/\(client.item)")
                }
                let (who, name) = (test.login.identity, client.item.prefix { $0 != ":" })
                try await test.login.use(client, of: registry)
                if test.client.canPush {
                    try client.mustPush("team/own/\(client.item)")
                    #expect(try registry.has("team/own/\(client.item)"))
                    try await registry.expectAudited(who, "push", "team/own/\(name)", 201)
                    try client.mustPull("team/own/\(client.item)")

                    client.expectRefusal(try client.push("shared/own/\(client.item)"))
                    #expect(try !registry.has("shared/own/\(client.item)"))
                    try await registry.expectAudited(who, "push", "shared/own/\(name)", 403)
                }
                try client.mustPull("shared/others/\(client.item)")
                client.expectRefusal(try client.pull("secret/others/\(client.item)"))
                try await registry.expectAudited(who, "pull", "secret/others/\(name)", 403)

                try test.login.end(client, of: registry)
                client.expectRefusal(try client.pull("team/others/\(client.item)"))
            }
        }

        /// Anonymous callers get what is public, and nothing else, next to a client that has logged in.
        @Test(arguments: ClientKind.allCases)
        func pullsWhatIsPublicWithoutALogin(_ kind: ClientKind) async throws {
            try await withGuardedRegistry { registry in
                let client = try kind.start(registry)
                defer { client.stop() }
                for place in ["public", "team"] {
                    try registry.put(client.content, as: "\(place)/others/\(client.item)")
                }
                try client.mustPull("public/others/\(client.item)")
                client.expectRefusal(try client.pull("team/others/\(client.item)"))
                if kind.canPush {
                    client.expectRefusal(try client.push("public/own/\(client.item)"))
                    #expect(try !registry.has("public/own/\(client.item)"))
                }
                try await Login.password.use(client, of: registry)
                try client.mustPull("team/others/\(client.item)")
                try client.mustPull("public/others/\(client.item)")
            }
        }

        @Test(arguments: ClientKind.allCases)
        func failsWithAWrongPassword(_ kind: ClientKind) async throws {
            try await withGuardedRegistry { registry in
                let client = try kind.start(registry)
                defer { client.stop() }
                try registry.put(client.content, as: "team/others/\(client.item)")
                let wrong = Credentials(user: "alice", password: GuardedRegistry.alice.password + "x")
                if kind.checksLogin {
                    client.expectRefusal(try client.login(wrong))
                    for file in client.credentialFiles where FileManager.default.fileExists(atPath: file) {
                        let text = try String(contentsOfFile: file, encoding: .utf8)
                        #expect(!text.contains(registry.host), "\(text)")
                    }
                } else {
                    try client.mustLogin(wrong)
                    client.expectRefusal(try client.pull("team/others/\(client.item)"))
                }
                try await Login.password.use(client, of: registry)
                try client.mustPull("team/others/\(client.item)")
            }
        }

        @Test(arguments: ClientKind.allCases)
        func trustsNoServerOfAnotherAuthority(_ kind: ClientKind) async throws {
            try await withGuardedRegistry { registry in
                let client = try kind.start(registry)
                defer { client.stop() }
                try registry.put(client.content, as: "public/others/\(client.item)")
                try await registry.trustAnotherAuthority()
                let output = try client.pull("public/others/\(client.item)")
                #expect(output.status != 0)
                let text = output.stdout + output.stderr
                #expect(text.localizedCaseInsensitiveContains("certificate"), "\(text)")
            }
        }

        /// Where each request brings the password instead of a token.
        @Test(arguments: [ClientKind.skopeo, .docker, .containerd, .oras, .helm])
        func worksWithoutTokens(_ kind: ClientKind) async throws {
            try await withGuardedRegistry(.init(challenge: "basic")) { registry in
                let client = try kind.start(registry)
                defer { client.stop() }
                for place in ["public", "team", "secret"] {
                    try registry.put(client.content, as: "\(place)/others/\(client.item)")
                }
                if kind.canBeAnonymousWithoutTokens { try client.mustPull("public/others/\(client.item)") }
                client.expectRefusal(try client.pull("team/others/\(client.item)"))
                try await Login.robot.use(client, of: registry)
                if kind.canPush {
                    try client.mustPush("team/own/\(client.item)")
                    client.expectRefusal(try client.push("public/own/\(client.item)"))
                }
                try client.mustPull("team/others/\(client.item)")
                client.expectRefusal(try client.pull("secret/others/\(client.item)"))
            }
        }
    }
}
