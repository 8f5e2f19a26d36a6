import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// Logins that end, or whose keys change, while clients use them.
    @Suite struct LoginLifetimeTests {
        /// Of the clients those that come back with what they stored, each in its own way: a password, a token of the
        /// registry, credentials with each command.
        static let clients: [ClientKind] = [.skopeo, .docker, .containerd]

        /// docker stores a token that gets others instead of the password, and any engine can use it.
        @Test func dockerStoresATokenThatServesAFreshEngine() async throws {
            try await withGuardedRegistry { registry in
                try registry.put("app-1.1", as: "team/others/app:v1")
                var docker = try GuardedDocker(registry)
                defer { docker.stop() }
                try docker.mustLogin(GuardedRegistry.alice)
                let stored = try #require(try DockerLogin(registry))
                #expect(stored.identityToken?.isEmpty == false)
                #expect(stored.auth.map { Data(base64Encoded: $0) } == Data("alice:".utf8))

                docker = try docker.restartedAfresh()
                try docker.mustPush("team/own/app:v1")
                try docker.mustPull("team/others/app:v1")
                docker.expectRefusal(try docker.push("shared/own/app:v1"))

                try docker.logout()
                #expect(try DockerLogin(registry) == nil)
                docker.expectRefusal(try docker.pull("team/others/app:v1"))
            }
        }

        /// A token that docker stored ends with the password it was made for.
        @Test func aNewPasswordEndsTheTokenOfTheOld() async throws {
            try await withGuardedRegistry { registry in
                try registry.put("app-1.1", as: "team/others/app:v1")
                let docker = try GuardedDocker(registry)
                defer { docker.stop() }
                try docker.mustLogin(GuardedRegistry.alice)
                try docker.mustPull("team/others/app:v1")
                // She gets bob's password.
                let file = try String(contentsOfFile: registry.scratch.file("passwords"), encoding: .utf8)
                let bob = try #require(file.split(separator: "\n").first { $0.hasPrefix("bob:") })
                try registry.scratch.write(
                    file.split(separator: "\n").map { $0.hasPrefix("alice:") ? "alice" + bob.dropFirst(3) : $0 }
                        .joined(separator: "\n") + "\n", to: "passwords")
                let new = Credentials(user: "alice", password: GuardedRegistry.bob.password)
                try await registry.eventually { try registry.status("GET", "/v2/", as: GuardedRegistry.alice) == 401 }

                docker.expectRefusal(try docker.pull("team/others/app:v1"))
                docker.expectRefusal(try docker.login(GuardedRegistry.alice))
                try docker.mustLogin(new)
                try docker.mustPull("team/others/app:v1")
            }
        }

        @Test(arguments: clients)
        func aRevokedRobotIsOut(_ kind: ClientKind) async throws {
            try await withGuardedRegistry { registry in
                try registry.put("app-1.1", as: "team/others/app:v1")
                let client = try kind.start(registry)
                defer { client.stop() }
                try client.mustLogin(registry.robot)
                try client.mustPush("team/own/app:v1")
                let token = try registry.accessToken(registry.robot, scope: "repository:team/others/app:pull")
                let target = "/v2/team/others/app/manifests/v1"
                #expect(try registry.status("GET", target, bearer: token) == 200)

                try registry.operate("robot", "revoke", "ci", "--file", registry.scratch.file("robots"))
                try await registry.eventually { try registry.status("GET", "/v2/", as: registry.robot) == 401 }
                // Tokens it got before end with it.
                #expect(try registry.status("GET", target, bearer: token) == 401)
                client.expectRefusal(try client.pull("team/others/app:v1"))
                client.expectRefusal(try client.push("team/own/app:v2"))
                #expect(try !registry.has("team/own/app:v2"))
            }
        }

        /// The keys that sign tokens are changed without an outage, and in the end tokens of the old one are worth nothing.
        @Test(arguments: clients)
        func clientsGoOnWhileKeysAreRotated(_ kind: ClientKind) async throws {
            try await withGuardedRegistry { registry in
                try registry.put("app-1.1", as: "team/others/app:v1")
                let client = try kind.start(registry)
                defer { client.stop() }
                try client.mustLogin(GuardedRegistry.alice)
                try client.mustPull("team/others/app:v1")
                let scope = "repository:team/others/app:pull"
                let old = try registry.accessToken(GuardedRegistry.alice, scope: scope)
                let target = "/v2/team/others/app/manifests/v1"

                let oldKey = try String(contentsOfFile: registry.scratch.file("token-keys"), encoding: .utf8)
                let newKey = GuardedRegistry.newTokenKey() + "\n"
                try registry.scratch.write(newKey + oldKey, to: "token-keys")
                try await registry.eventually {
                    let new = try registry.accessToken(GuardedRegistry.alice, scope: scope)
                    return new.split(separator: ".").first != old.split(separator: ".").first
                }
                #expect(try registry.status("GET", target, bearer: old) == 200)
                try client.mustPull("team/others/app:v1")
                try client.mustPush("team/own/app:v1")

                try registry.scratch.write(newKey, to: "token-keys")
                try await registry.eventually { try registry.status("GET", target, bearer: old) == 401 }
                if kind == .docker {
                    // What it stored was signed by the key that is gone.
                    client.expectRefusal(try client.pull("team/others/app:v1"))
                    try client.mustLogin(GuardedRegistry.alice)
                }
                try client.mustPull("team/others/app:v1")
                try client.mustPush("team/own/app:v2")
            }
        }

        /// A new certificate, put in place as Kubernetes does it, is what clients see from then on.
        @Test(arguments: clients)
        func clientsGoOnWithANewCertificate(_ kind: ClientKind) async throws {
            try await withGuardedRegistry { registry in
                try registry.put("app-1.1", as: "team/others/app:v1")
                let client = try kind.start(registry)
                defer { client.stop() }
                try client.mustLogin(GuardedRegistry.alice)
                try client.mustPull("team/others/app:v1")
                let first = try registry.shownCertificate()

                try await GuardedRegistry.installCertificate(of: registry.authority, in: registry.scratch)
                try await registry.eventually { try registry.shownCertificate() != first }
                try client.mustPull("team/others/app:v1")
                try client.mustPush("team/own/app:v1")
            }
        }

        /// A client that holds an access token past its end gets another by itself.
        @Test func anExpiredTokenIsReplaced() async throws {
            let clock = try Clock()
            defer { clock.remove() }
            try await withGuardedRegistry(.init(lifetime: "1m", environment: clock.environment)) { registry in
                try registry.put("helm-chart", as: "team/others/stowage-test:0.1.0")
                try registry.put("app-1.1", as: "team/others/app:v1")
                let scope = "repository:team/others/stowage-test:pull"
                let token = try registry.accessToken(GuardedRegistry.alice, scope: scope)
                let target = "/v2/team/others/stowage-test/manifests/0.1.0"
                let helm = try HelmSession(registry)
                let docker = try GuardedDocker(registry)
                defer { docker.stop() }
                try docker.mustLogin(GuardedRegistry.alice)
                try await helm.mustDo("login \(registry.host) \(registry.robot.user) \(registry.robot.password)")
                let question = "digest \(registry.host)/team/others/stowage-test:0.1.0"
                try await helm.mustDo(question)
                #expect(try registry.status("GET", target, bearer: token) == 200)

                try clock.set(secondsAhead: 50)
                #expect(try registry.status("GET", target, bearer: token) == 200)
                try clock.set(secondsAhead: 70)
                #expect(try registry.status("GET", target, bearer: token) == 401)
                try await helm.mustDo(question)
                try docker.mustPull("team/others/app:v1")
            }
        }

        @Test(arguments: [ClientKind.skopeo, .podman, .buildah, .docker, .dockerSDK, .helm])
        func anIssuersTokenThatHasEndedIsNoLogin(_ kind: ClientKind) async throws {
            try await withGuardedRegistry { registry in
                let client = try kind.start(registry)
                defer { client.stop() }
                let ended = try registry.issuer.token(lifetime: -120)
                client.expectRefusal(try client.login(Credentials(user: "token", password: ended)))
                try client.mustLogin(Credentials(user: "token", password: registry.issuer.token()))
            }
        }

        @Test(arguments: [ClientKind.skopeo, .docker])
        func anIssuersKeysAreFound(_ kind: ClientKind) async throws {
            try await withGuardedRegistry(.init(discoversKeys: true)) { registry in
                let client = try kind.start(registry)
                defer { client.stop() }
                try client.mustLogin(Credentials(user: "token", password: registry.issuer.token()))
                try client.mustPush("team/own/app:v1")
                try client.mustPull("team/own/app:v1")
                try await registry.expectAudited("ci:build", "push", "team/own/app", 201)
            }
        }

        /// Without its issuer a token is none; everything else goes on.
        @Test func anIssuerThatIsDownConcernsItsTokensOnly() async throws {
            try await withGuardedRegistry(.init(discoversKeys: true)) { registry in
                try registry.issuer.stop()
                let client = GuardedSkopeo(registry)
                let token = Credentials(user: "token", password: try registry.issuer.token())
                #expect(try client.login(token).status != 0)
                #expect(try registry.status("GET", "/v2/", as: token) == 503)
                try client.mustLogin(GuardedRegistry.alice)
                try client.mustPush("team/own/app:v1")
            }
        }

        /// Who may add tags may not move those that are there.
        @Test(arguments: [ClientKind.skopeo, .podman, .docker, .containerd])
        func aTagIsNotMovedWithoutTheRight(_ kind: ClientKind) async throws {
            try await withGuardedRegistry { registry in
                try registry.put("app-1.2", as: "team/own/app:v1")
                let digest = try registry.digest(of: "team/own/app:v1")
                let client = try kind.start(registry)
                defer { client.stop() }
                try client.mustLogin(GuardedRegistry.alice)
                client.expectRefusal(try client.push("team/own/app:v1"))
                #expect(try registry.digest(of: "team/own/app:v1") == digest)
                try client.mustPush("team/own/app:v2")
            }
        }
    }
}
