import Foundation
import OCI
import Registry

/// Statistics as `stowage stats --output json` and `GET /api/v1/stats` write them; sizes are bytes, costs dollars.
struct StatisticsReport: Codable, Equatable, Sendable {
    struct Cost: Codable, Equatable, Sendable {
        /// What the stored bytes cost a month.
        let monthly: Double
        /// What they would cost if every tag were stored by itself, at the same mean price.
        let monthlyWithoutSharing: Double
    }

    struct Repository: Codable, Equatable, Sendable {
        let name: String
        let tags: Int
        let logicalBytes: Int
    }

    struct Layer: Codable, Equatable, Sendable {
        let digest: String
        let size: Int
        let tags: Int
        /// At most 1000 of the tags.
        let users: [String]
    }

    struct Layers: Codable, Equatable, Sendable {
        let count: Int
        let storedBytes: Int
        let logicalBytes: Int
        let mostShared: [Layer]
    }

    let images: Int
    let tags: Int
    let unreadableTags: Int
    let uniqueBlobs: Int
    let blobBytes: Int
    let chunks: Int
    let chunkBytes: Int
    let logicalBytes: Int
    let storedBytes: Int
    let savedBytes: Int
    let savedPercent: Double
    let storageByClass: [String: Int]
    let cost: Cost
    let largestRepositories: [Repository]
    let layers: Layers?
    /// When the walk began, seconds since 1970.
    let computedAt: Int

    init(_ statistics: Statistics, prices: PriceList, computedAt: Int) {
        images = statistics.repositories
        tags = statistics.tags
        unreadableTags = statistics.unreadableTags
        uniqueBlobs = statistics.blobs
        blobBytes = statistics.blobBytes
        chunks = statistics.chunks
        chunkBytes = statistics.chunkBytes
        logicalBytes = statistics.logicalBytes
        storedBytes = statistics.storedBytes
        savedBytes = statistics.savedBytes
        savedPercent = (statistics.savedPercent * 100).rounded() / 100
        storageByClass = statistics.bytesByStorageClass
        cost = Cost(statistics, prices)
        largestRepositories = statistics.largestRepositories.map {
            Repository(name: $0.name.string, tags: $0.tags, logicalBytes: $0.logicalBytes)
        }
        layers = statistics.layers.map(Layers.init)
        self.computedAt = computedAt
    }
}

extension StatisticsReport {
    /// The report as it is printed and sent, keys in alphabetical order.
    var json: [UInt8] {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return Array(try encoder.encode(self))
        }
    }
}

extension StatisticsReport.Cost {
    init(_ statistics: Statistics, _ prices: PriceList) {
        let monthly = prices.monthly(statistics.bytesByStorageClass)
        let stored = statistics.storedBytes
        let perByte = stored == 0 ? prices.standard / Double(1 << 30) : monthly / Double(stored)
        self.init(monthly: monthly, monthlyWithoutSharing: perByte * Double(statistics.logicalBytes))
    }
}

extension StatisticsReport.Layers {
    init(_ sharing: LayerSharing) {
        self.init(
            count: sharing.count, storedBytes: sharing.storedBytes, logicalBytes: sharing.logicalBytes,
            mostShared: sharing.mostShared.map {
                .init(digest: $0.digest.string, size: $0.size, tags: $0.tags, users: $0.users)
            })
    }
}
