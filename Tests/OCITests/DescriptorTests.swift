import Foundation
import OCI
import Testing

struct DescriptorTests {
    private static let digest = "sha256:" + String(repeating: "ab", count: 32)

    private func decode(_ json: String) throws -> Descriptor {
        try JSONDecoder().decode(Descriptor.self, from: Data(json.utf8))
    }

    @Test func readsEveryMember() throws {
        let json = #"""
            {"mediaType":"a/b","digest":"\#(Self.digest)","size":9223372036854775807,"urls":["https://u"],
            "annotations":{"k":"v"},"data":"e30=","artifactType":"c/d","unknown":[1],
            "platform":{"architecture":"arm","os":"linux","os.version":"1","os.features":["f"],"variant":"v7",
            "features":[]}}
            """#
        let expected = Descriptor(
            mediaType: "a/b", digest: try Digest(Self.digest), size: .max, urls: ["https://u"], annotations: ["k": "v"],
            data: "e30=", artifactType: "c/d",
            platform: Platform(architecture: "arm", os: "linux", osVersion: "1", osFeatures: ["f"], variant: "v7"))
        #expect(try decode(json) == expected)
        #expect(try JSONDecoder().decode(Descriptor.self, from: JSONEncoder().encode(expected)) == expected)
    }

    @Test func readsWhatIsRequiredOnly() throws {
        let expected = Descriptor(mediaType: "a/b", digest: try Digest(Self.digest), size: 0)
        let required = #""mediaType":"a/b","digest":"\#(Self.digest)","size":0"#
        #expect(try decode("{\(required)}") == expected)
        let nulls = #""urls":null,"annotations":null,"data":null,"artifactType":null,"platform":null"#
        #expect(try decode("{\(required),\(nulls)}") == expected)
        #expect(try decode("{\(required),\"platform\":{}}").platform == Platform())
        #expect(try decode("{\(required),\"platform\":{\"os\":null}}").platform == Platform())
    }

    @Test func leavesOutWhatIsNil() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let json = try encoder.encode(Descriptor(mediaType: "a/b", digest: Digest(Self.digest), size: 7))
        #expect(String(decoding: json, as: UTF8.self) == #"{"digest":"\#(Self.digest)","mediaType":"a/b","size":7}"#)
    }

    @Test(arguments: [
        #"{"digest":"\#(digest)","size":1}"#, #"{"mediaType":"a/b","size":1}"#,
        #"{"mediaType":"a/b","digest":"\#(digest)"}"#,
        #"{"mediaType":"a/b","digest":"\#(digest)","size":-1}"#,
        #"{"mediaType":"a/b","digest":"\#(digest)","size":1.5}"#,
        #"{"mediaType":"a/b","digest":"\#(digest)","size":9223372036854775808}"#,
        #"{"mediaType":"a/b","digest":"\#(digest)","size":"1"}"#,
        #"{"mediaType":"a/b","digest":"\#(digest)","size":null}"#,
        #"{"mediaType":"a/b","digest":"sha256:AB","size":1}"#, #"{"mediaType":"a/b","digest":"sha384:ab","size":1}"#,
        #"{"mediaType":null,"digest":"\#(digest)","size":1}"#, #"{"mediaType":1,"digest":"\#(digest)","size":1}"#,
        #"{"mediaType":"a/b","digest":"\#(digest)","size":1,"urls":"u"}"#,
        #"{"mediaType":"a/b","digest":"\#(digest)","size":1,"annotations":{"a":1}}"#,
        #"{"mediaType":"a/b","digest":"\#(digest)","size":1,"platform":"linux"}"#, "[]", "null",
    ])
    func rejects(json: String) {
        #expect(throws: DecodingError.self) { try decode(json) }
    }
}
