import OCI

/// A layer that s3lo stored in chunks: the objects whose bytes one after the other are the layer.
struct S3loLayer: Sendable {
    /// One object of the layer.
    struct Piece: Equatable, Sendable {
        /// The hash of the raw chunk, which the object is named by.
        let hex: String
        /// Where its bytes are in the layer.
        let bytes: Range<Int>
    }

    /// The longest recipe that is read, in bytes: that of a layer of some 50,000 chunks, 200 GB.
    static let recipeLimit = 16 << 20

    let pieces: [Piece]
    /// In bytes.
    var size: Int { pieces.last?.bytes.upperBound ?? 0 }

    /// Reads a recipe, which must be that of `digest`, and whose sizes must add up.
    init(recipe: [UInt8], of digest: Digest) throws(S3loRecipeError) {
        let text: RecipeText
        do {
            text = try decodeBoundedJSON(RecipeText.self, from: recipe)
        } catch {
            throw S3loRecipeError("it cannot be read: \(error)")
        }
        guard text.compressedDigest == String(digest.hex) else {
            throw S3loRecipeError("it is not the recipe of this layer")
        }
        var pieces: [Piece] = []
        pieces.reserveCapacity(text.chunks.count)
        var rawSize = 0
        var size = 0
        for chunk in text.chunks {
            guard Self.isHex(chunk.digest), chunk.size > 0, chunk.compressedSize > 0 else {
                throw S3loRecipeError("chunk \(pieces.count + 1) has no hash or no size")
            }
            let (end, overflows) = size.addingReportingOverflow(chunk.compressedSize)
            let (rawEnd, rawOverflows) = rawSize.addingReportingOverflow(chunk.size)
            guard !overflows, !rawOverflows else { throw S3loRecipeError("its sizes are too large") }
            pieces.append(Piece(hex: chunk.digest, bytes: size..<end))
            (size, rawSize) = (end, rawEnd)
        }
        guard !pieces.isEmpty, size == text.compressedSize, rawSize == text.size else {
            throw S3loRecipeError("the sizes of its chunks do not add up to that of the layer")
        }
        self.pieces = pieces
    }

    /// The size each object must have; throws when one is said to have two sizes.
    func storedSizes() throws(S3loRecipeError) -> [String: Int] {
        var sizes: [String: Int] = [:]
        for piece in pieces {
            guard sizes.updateValue(piece.bytes.count, forKey: piece.hex) ?? piece.bytes.count == piece.bytes.count
            else {
                throw S3loRecipeError("chunk \(piece.hex) has two sizes")
            }
        }
        return sizes
    }

    /// The pieces that hold bytes of `range`.
    func pieces(in range: Range<Int>) -> ArraySlice<Piece> {
        var low = 0
        var high = pieces.count
        while low < high {
            let middle = (low + high) / 2
            if pieces[middle].bytes.upperBound <= range.lowerBound { low = middle + 1 } else { high = middle }
        }
        return pieces[low...].prefix { $0.bytes.lowerBound < range.upperBound }
    }

    private static func isHex(_ text: String) -> Bool {
        text.utf8.count == 64 && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
}

/// Why a recipe cannot be followed.
struct S3loRecipeError: Error, Equatable, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// A recipe as s3lo writes it (`chunk_format` 1); digests are hex without an algorithm.
private struct RecipeText: Decodable {
    struct Chunk: Decodable {
        let digest: String
        let size: Int
        let compressedSize: Int
    }

    let size: Int
    /// The layer's digest; recipes from before s3lo's release have none.
    let compressedDigest: String?
    let compressedSize: Int?
    let chunks: [Chunk]
}
