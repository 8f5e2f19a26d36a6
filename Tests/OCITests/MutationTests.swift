import Foundation
import TestSupport
import Testing

@testable import OCI

/// Random edits of good and bad texts: no parser may trap, and what one accepts it must print as it was.
struct MutationTests {
    private static let hex = String(repeating: "0123456789abcdef", count: 4)

    @Test func namesTagsDigestsAndMediaTypes() {
        var random = SeededGenerator(for: "namesTagsDigestsAndMediaTypes")
        let seeds = [
            "library/alpine", "a__b/c--d.e", "latest", "v1.0-rc_1", "sha256:" + Self.hex,
            "sha512:" + Self.hex + Self.hex,
            "blake3:abc", "application/json; charset=utf-8", MediaType.ociIndex.string, "../..", "",
        ]
        let alphabet = Array("azAZ09._-/:; =+%\0\n~é\u{301}".utf8) + [0xFF]
        for _ in 0..<5_000 {
            let seed = Array((seeds.randomElement(using: &random) ?? "").utf8)
            let text = String(decoding: random.mutated(seed, alphabet: alphabet), as: UTF8.self)
            checkRoundTrips(of: text)
        }
    }

    private func checkRoundTrips(of text: String) {
        // A rejected text is a fine outcome of each of these; what matters is that nothing traps on the way.
        let name = try? RepositoryName(text)
        let tag = try? Tag(text)
        let digest = try? Digest(text)
        let reference = try? Reference(text)
        let mediaType = MediaType(text)
        let printed = [name?.string, tag?.string, digest?.string, reference?.description].compactMap { $0 }
        #expect(printed.allSatisfy { $0.utf8.elementsEqual(text.utf8) }, "\(text.debugDescription)")
        #expect((name != nil) == Self.isName(text), "\(text.debugDescription)")
        #expect((tag != nil) == Self.isTag(text), "\(text.debugDescription)")
        #expect((digest != nil) == Self.isDigest(text), "\(text.debugDescription)")
        if let mediaType { #expect(MediaType(mediaType.string) == mediaType && text.contains(mediaType.string)) }
    }

    // The grammars of the specification as regular expressions, to which the hand-written scanners must agree.

    private static func isName(_ text: String) -> Bool {
        let component = /[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*/
        let parts = text.unicodeScalars.split(separator: "/", omittingEmptySubsequences: false)
        return text.utf8.count <= 255 && text.utf8.allSatisfy { $0 < 0x80 }
            && parts.allSatisfy { (try? component.wholeMatch(in: Substring($0))) != nil }
    }

    private static func isTag(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 < 0x80 } && (try? /[a-zA-Z0-9_][a-zA-Z0-9._\-]{0,127}/.wholeMatch(in: text)) != nil
    }

    private static func isDigest(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 < 0x80 }
            && (try? /sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}/.wholeMatch(in: text)) != nil
    }

    @Test func manifests() throws {
        var random = SeededGenerator(for: "manifests")
        let digest = try Digest(Sample.digest)
        let seeds = [
            Sample.image(), Sample.index(), Sample.image(Sample.mediaType(.dockerManifest)),
            Sample.image(#","subject":\#(Sample.child),"annotations":{"a":"b\n"},"x":[1.5e3,true,null,{}]"#),
            Sample.index(#","artifactType":"a/b","layers2":[]"#), #"{"schemaVersion":2,"fsLayers":[]}"#,
        ]
        let alphabet = Array(#"{}[]:,"\u0a19eE+-. tfn"#.utf8) + [0, 0x1F, 0x80, 0xC3, 0xFF]
        let contentTypes: [MediaType?] = [nil, .ociManifest, .ociIndex, .ociArtifactManifest, .dockerManifest]
        for _ in 0..<5_000 {
            let bytes = random.mutated(Array((seeds.randomElement(using: &random) ?? "").utf8), alphabet: alphabet)
            let contentType = contentTypes.randomElement(using: &random) ?? nil
            let detected = Manifest.detectMediaType(bytes)
            // A rejected manifest is a fine outcome; what matters is that nothing traps on the way.
            guard let manifest = try? Manifest(bytes: bytes, contentType: contentType, digest: digest) else { continue }
            #expect(manifest.bytes == bytes && manifest.mediaType.isManifest)
            #expect(contentType == nil ? detected == manifest.mediaType : contentType == manifest.mediaType)
            #expect(manifest.referrerDescriptor().size == bytes.count)
        }
    }

    @Test func outlineAgreesWithFoundationOnWhatIsJSON() {
        var random = SeededGenerator(for: "outlineAgreesWithFoundationOnWhatIsJSON")
        let seeds = [
            Sample.image(), #"{"a":[1,-2.5e+3,0],"b":{"c":"\n\u00e9\\"},"d":[true,false,null,[],{}]}"#, #"{"":""}"#,
            " { } ",
        ]
        let alphabet = Array(#"{}[]:,"\u0129eE+-. tfn"#.utf8) + [0x09, 0x0A, 0x1F, 0x7F]
        for _ in 0..<5_000 {
            let bytes = random.mutated(Array((seeds.randomElement(using: &random) ?? "").utf8), alphabet: alphabet)
            let text = String(decoding: bytes, as: UTF8.self)
            let refusal = refusal(of: bytes)
            // Foundation takes repeated keys, a comma before a closing bracket, and some control characters in strings.
            let mayBeLax =
                refusal?.contains("there twice") ?? false || text.contains(/,[ \t\n\r]*[\]}]/)
                || bytes.contains { $0 < 0x20 }
            // It has no number for 1e320, which is JSON all the same.
            let mayBeStrict = text.contains(/[eE]\+?[0-9]{3}/)
            let isFoundationObject = (try? JSONDecoder().decode([String: AnyJSON].self, from: Data(bytes))) != nil
            let agrees = isFoundationObject ? refusal == nil || mayBeLax : refusal != nil || mayBeStrict
            #expect(agrees, "\(text.debugDescription), \(refusal ?? "accepted")")
        }
    }
}

/// Why an outline refuses the bytes, nil if it does not.
private func refusal(of bytes: [UInt8]) -> String? {
    do throws(JSONSyntaxError) {
        _ = try JSONOutline(bytes)
        return nil
    } catch {
        return error.reason
    }
}

/// Any JSON value, decoded to the last member, so that nothing in it stays unchecked.
private struct AnyJSON: Decodable {
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() { return }
        do {
            _ = try container.decode(Bool.self)
            return
        } catch DecodingError.typeMismatch {}
        do {
            _ = try container.decode(Double.self)
            return
        } catch DecodingError.typeMismatch {}
        do {
            _ = try container.decode(String.self)
            return
        } catch DecodingError.typeMismatch {}
        do {
            _ = try container.decode([AnyJSON].self)
            return
        } catch DecodingError.typeMismatch {}
        _ = try container.decode([String: AnyJSON].self)
    }
}
