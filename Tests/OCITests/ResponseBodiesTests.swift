import Foundation
import Testing

@testable import OCI

struct ResponseBodiesTests {
    private static let digest = Sample.digest

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test func writesReferrers() throws {
        #expect(
            text(ReferrersIndex(manifests: []).encoded())
                == #"{"manifests":[],"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}"#)
        let descriptor = Descriptor(
            mediaType: "a/b", digest: try Digest(Self.digest), size: 3, annotations: ["k/\"": "ü\n"],
            artifactType: "c/d")
        let expected =
            #"{"manifests":[{"annotations":{"k/\"":"ü\n"},"artifactType":"c/d","digest":"\#(Self.digest)","#
            + #""mediaType":"a/b","size":3}],"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}"#
        let body = ReferrersIndex(manifests: [descriptor]).encoded()
        #expect(text(body) == expected)
        #expect(try manifest(text(body), .ociIndex).manifests == [descriptor])
    }

    @Test func writesTagLists() throws {
        let name = try RepositoryName("a/b")
        #expect(text(TagList(name: name, tags: []).encoded()) == #"{"name":"a/b","tags":[]}"#)
        let tags = try ["b", "A", "_"].map { try Tag($0) }
        #expect(text(TagList(name: name, tags: tags).encoded()) == #"{"name":"a/b","tags":["b","A","_"]}"#)
    }

    @Test func writesLongTagLists() throws {
        let tags = try (0..<100_000).map { try Tag("tag-\($0)") }
        let body = TagList(name: try RepositoryName("a"), tags: tags).encoded()
        struct Decoded: Decodable {
            let name: String
            let tags: [String]
        }
        let decoded = try JSONDecoder().decode(Decoded.self, from: Data(body))
        #expect(decoded.name == "a")
        #expect(decoded.tags == tags.map(\.string))
    }

    @Test func writesCatalogs() throws {
        #expect(text(Catalog(repositories: []).encoded()) == #"{"repositories":[]}"#)
        let names = try ["b/c", "a"].map { try RepositoryName($0) }
        #expect(text(Catalog(repositories: names).encoded()) == #"{"repositories":["b/c","a"]}"#)
    }

    private static let details: [(ErrorDetail?, String)] =
        [
            (nil, ""), (.list([]), #","detail":[]"#), (.list(["a", "b\\"]), #","detail":["a","b\\"]"#),
            (.values([:]), #","detail":{}"#),
            (.values(["b": "1", "a": "\"", "B": "/"]), #","detail":{"B":"/","a":"\"","b":"1"}"#),
        ] as [(ErrorDetail?, String)]

    @Test(arguments: details)
    func writesErrors(detail: ErrorDetail?, written: String) {
        let body = ErrorBody(code: .blobUnknown, message: "no \"such\" blob", detail: detail)
        #expect(
            text(body.encoded()) == #"{"errors":[{"code":"BLOB_UNKNOWN","message":"no \"such\" blob"\#(written)}]}"#)
    }

    @Test func writesSeveralErrors() {
        let body = ErrorBody(errors: [
            .init(code: .manifestBlobUnknown, message: "a", detail: .values(["digest": Self.digest])),
            .init(code: .tooManyRequests, message: "b"),
        ])
        let first = #"{"code":"MANIFEST_BLOB_UNKNOWN","message":"a","detail":{"digest":"\#(Self.digest)"}}"#
        #expect(text(body.encoded()) == #"{"errors":[\#(first),{"code":"TOOMANYREQUESTS","message":"b"}]}"#)
    }

    @Test func escapesEveryScalarThatJSONWantsEscaped() throws {
        let scalars =
            (0...0x17F).compactMap(UnicodeScalar.init) + ["\u{2028}", "\u{FEFF}", "\u{FFFF}", "😀", "\u{10FFFF}"]
        let message = String(String.UnicodeScalarView(scalars))
        var writer = JSONWriter()
        writer.write([message])
        let decoded = try JSONDecoder().decode([String].self, from: Data(writer.bytes))
        #expect(decoded.first.map { $0.unicodeScalars.elementsEqual(scalars) } == true)
        #expect(throws: Never.self) { try JSONOutline(ErrorBody(code: .unknown, message: message).encoded()) }
    }
}
