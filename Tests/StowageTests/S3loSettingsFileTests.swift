import OCI
import Registry
import Testing

@testable import stowage

/// `s3lo.yaml` as s3lo writes it, and as people do.
struct S3loSettingsFileTests {
    private func isImmutable(_ image: String, _ text: String) throws -> Bool {
        try S3loSettings(yaml: Array(text.utf8)).isImmutable(try RepositoryName(image))
    }

    @Test(
        "what is immutable",
        arguments: [
            ("", false), ("# nothing\n", false), ("chunk_format: 1\n", false), ("default:\n", false),
            ("images:\n", false), ("default: {immutable: true}", true), ("default: {immutable: false}", false),
            ("default:\n    immutable: true\nimages:\n    app:\n        immutable: false\nchunked: true\n", false),
            ("images:\n    app: {immutable: true}\n", true), ("images: {\"*\": {immutable: yes}}", true),
            ("images: {\"dev/*\": {immutable: true}}", false), ("default: {immutable: true}\nimages: {app: {}}", true),
            ("default: {immutable: ~}", false), ("default: {lifecycle: {keep_last: 3}}\nfuture: [1, 2]\n", false),
            ("default: {immutable: true}\nimages: {app: {lifecycle: {max_age: 30d}}}", true),
        ])
    func immutable(text: String, expected: Bool) throws {
        #expect(try isImmutable("app", text) == expected)
    }

    @Test(
        "what cannot be understood is an error",
        arguments: [
            "default: [", "- a\n- b\n", "text", "default: 3", "images: [app]", "images: {app: true}",
            "default: {immutable: maybe}", "default: {immutable: {}}", "default: {immutable: 1}", "a: 1\na: 2\n",
            "images: {[a]: {immutable: true}}",
        ])
    func error(text: String) {
        #expect(throws: S3loSettingsError.self) { try isImmutable("app", text) }
    }

    @Test("bytes that are no text are an error")
    func bytes() {
        #expect(throws: S3loSettingsError.self) { try S3loSettings(yaml: [0xFF, 0xFE]) }
    }
}
