package import OCI
package import ObjectStorage
import OpenSSL

/// A bucket as s3lo leaves it, made without s3lo: its keys, its bytes, nothing beside them.
package struct S3loBucket: Sendable {
    /// A chunked layer: what a client gets for its digest, and what it is made of.
    package struct ChunkedLayer: Sendable {
        package let digest: Digest
        /// The chunk objects, one after the other.
        package let bytes: [UInt8]
        /// Hex of the raw chunks, in order.
        package let chunks: [String]
        /// The digest of the tar.
        package let raw: Digest

        /// The digest as text.
        package var address: String { digest.string }
    }

    /// Every object, by its key.
    package var objects: [String: [UInt8]] = [:]

    package init() {}

    /// Writes every object as s3lo does: bytes only.
    package func write(to store: any ObjectStore) async throws {
        for (key, bytes) in objects {
            try await store.put(bytes, at: ObjectKey(key), metadata: ObjectMetadata(), condition: .always)
        }
    }

    // MARK: Parts

    /// A whole layer, a config, or a child of an index.
    @discardableResult
    package mutating func blob(_ bytes: [UInt8]) -> Digest {
        let digest = Self.digest(bytes)
        objects["blobs/sha256/\(digest.hex)"] = bytes
        return digest
    }

    /// A layer of 1 MiB or more, cut before the bytes at `cuts`.
    package mutating func chunkedLayer(_ raw: [UInt8], cuts: [Int]) -> ChunkedLayer {
        var bytes: [UInt8] = []
        var chunks: [String] = []
        var entries: [String] = []
        for (start, end) in zip([0] + cuts, cuts + [raw.count]) {
            let chunk = Array(raw[start..<end])
            let hex = String(Self.digest(chunk).hex)
            let stored = Self.frame(chunk)
            objects["chunks/sha256/\(hex)"] = stored
            bytes += stored
            chunks.append(hex)
            entries.append(#"{"digest":"\#(hex)","size":\#(chunk.count),"compressedSize":\#(stored.count)}"#)
        }
        let layer = ChunkedLayer(digest: Self.digest(bytes), bytes: bytes, chunks: chunks, raw: Self.digest(raw))
        objects["recipes/sha256/\(layer.digest.hex)"] = Array(
            (#"{"layer":"\#(layer.raw.hex)","size":\#(raw.count),"compressedDigest":"\#(layer.digest.hex)","#
                + #""compressedSize":\#(bytes.count),"chunks":[\#(entries.joined(separator: ","))]}"#).utf8)
        objects["indexes/sha256/\(layer.digest.hex)"] = Self.frame(Array(#"{"layer":"\#(layer.raw.hex)"}"#.utf8))
        return layer
    }

    /// A tag, in an image with any name.
    package mutating func tag(_ image: String, _ tag: String, _ manifest: [UInt8]) {
        objects["manifests/\(image)/\(tag)/manifest.json"] = manifest
    }

    // MARK: Images

    /// An image of one small file whose config is stored; `chunked` says whether its layer is cut.
    package mutating func image(_ name: String, chunked: Bool = false, size: Int = 2000) -> [UInt8] {
        let tar = Self.tar(file: "\(name).txt", size: size)
        let raw = Self.digest(tar)
        let config = blob(
            Array(
                (#"{"architecture":"amd64","os":"linux","config":{"Labels":{"name":"\#(name)"}},"#
                    + #""rootfs":{"type":"layers","diff_ids":["\#(raw)"]}}"#).utf8))
        let layer: String
        if chunked {
            let cut = chunkedLayer(tar, cuts: Self.cuts(tar.count))
            layer = Self.descriptor("application/vnd.oci.image.layer.v1.tar+zstd", cut.digest, cut.bytes.count)
        } else {
            layer = Self.descriptor("application/vnd.oci.image.layer.v1.tar", blob(tar), tar.count)
        }
        let configSize = objects["blobs/sha256/\(config.hex)"]?.count ?? 0
        return Array(
            (#"{"schemaVersion":2,"mediaType":"\#(MediaType.ociManifest)","#
                + #""config":\#(Self.descriptor(MediaType.ociConfig.string, config, configSize)),"layers":[\#(layer)]}"#)
                .utf8)
    }

    /// The chunked layer of an image that `image` made.
    package static func layer(of manifest: [UInt8]) throws -> Descriptor {
        let parsed = try Manifest(bytes: manifest, contentType: nil, digest: digest(manifest))
        return parsed.layers[0]
    }

    /// An index whose children become blobs; a platform of nil leaves it out.
    package mutating func index(
        _ children: [(manifest: [UInt8], platform: String?)], mediaType: Bool = true
    ) -> [UInt8] {
        let entries = children.map { child, platform in
            let digest = blob(child)
            let type = Manifest.detectMediaType(child) ?? .ociManifest
            let shown = platform.map { #","platform":{"architecture":"\#($0)","os":"linux"}"# } ?? ""
            return #"{"mediaType":"\#(type)","digest":"\#(digest)","size":\#(child.count)\#(shown)}"#
        }
        let stated = mediaType ? #""mediaType":"\#(MediaType.ociIndex)","# : ""
        return Array(#"{"schemaVersion":2,\#(stated)"manifests":[\#(entries.joined(separator: ","))]}"#.utf8)
    }

    // MARK: Bytes

    package static func digest(_ bytes: [UInt8]) -> Digest { Digest(algorithm: .sha256, bytes: SHA256.hash(bytes)) }

    /// The digest as text, for tests that know no other type of it.
    package static func address(_ bytes: [UInt8]) -> String { digest(bytes).string }

    private static func descriptor(_ type: String, _ digest: Digest, _ size: Int) -> String {
        #"{"mediaType":"\#(type)","digest":"\#(digest)","size":\#(size)}"#
    }

    /// Two equal pieces of zeros are in the middle of every large tar.
    private static func cuts(_ count: Int) -> [Int] {
        guard count > 400_000 else { return count > 3000 ? [1000, 2500] : [] }
        return [100_000, 200_000, 300_000, count - 70_000]
    }

    /// An archive of one file: bytes that differ, and zeros from 90,000 to 310,000.
    private static func tar(file: String, size: Int) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: 512)
        func write(_ text: String, at offset: Int) {
            for (index, byte) in text.utf8.enumerated() { header[offset + index] = byte }
        }
        func octal(_ number: Int, _ digits: Int) -> String {
            let text = String(number, radix: 8)
            return String(repeating: "0", count: digits - text.count) + text
        }
        write(file, at: 0)
        for (text, offset) in [("0000644", 100), ("0000000", 108), ("0000000", 116)] { write(text, at: offset) }
        write(octal(size, 11), at: 124)
        write("00000000000", at: 136)
        write("        ", at: 148)
        write("0", at: 156)
        write("ustar\u{0}00", at: 257)
        write(octal(header.reduce(0) { $0 + Int($1) }, 6) + "\u{0} ", at: 148)
        var content = sampleBytes(size, seed: file.utf8.reduce(0) { $0 &* 31 &+ Int($1) })
        for offset in 90_000..<310_000 where offset < size { content[offset] = 0 }
        let padding = (512 - size % 512) % 512 + 1024
        return header + content + [UInt8](repeating: 0, count: padding)
    }

    /// A zstd frame of uncompressed blocks (RFC 8878, section 3.1.1).
    private static func frame(_ content: [UInt8]) -> [UInt8] {
        func bytes(_ number: Int, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
        }
        // A single segment, and four bytes for the size of the content.
        var frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0xA0] + bytes(content.count, 4)
        var offset = 0
        repeat {
            let count = min(content.count - offset, 128 << 10)
            let isLast = offset + count == content.count
            frame += bytes(count << 3 | (isLast ? 1 : 0), 3) + content[offset..<offset + count]
            offset += count
        } while offset < content.count
        return frame
    }
}
