import Foundation

/// A report for the terminal.
struct StatisticsText {
    /// Columns of the longest bar.
    private static let barWidth = 40
    /// Repositories that get a bar; JSON has more.
    private static let bars = 20
    /// Users of a layer that are named; JSON has more.
    private static let namedUsers = 5

    let report: StatisticsReport

    /// Every line with its end.
    var text: String {
        (totals + classes + repositories + layers).map { $0 + "\n" }.joined()
    }

    private var totals: [String] {
        var lines = [
            "images         \(report.images)",
            "tags           \(report.tags)",
            "unique blobs   \(report.uniqueBlobs)",
            "logical size   \(Self.size(report.logicalBytes))   every tag stored by itself",
            "stored size    \(Self.size(report.storedBytes))",
            "saved          \(Self.size(report.savedBytes))   \(String(format: "%.1f", report.savedPercent)) %",
            "cost           \(Self.dollars(report.cost.monthly)) a month, "
                + "\(Self.dollars(report.cost.monthlyWithoutSharing)) without sharing",
        ]
        if report.chunks > 0 { lines.insert("chunks         \(report.chunks)", at: 3) }
        if report.unreadableTags > 0 {
            lines.append("unreadable     \(report.unreadableTags) tags; stowage doctor names them")
        }
        return lines
    }

    private var classes: [String] {
        guard report.storageByClass.count > 1 else { return [] }
        let sorted = report.storageByClass.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        return ["", "by storage class"] + sorted.map { "  \(Self.padded($0.key, 22)) \(Self.size($0.value))" }
    }

    private var repositories: [String] {
        guard let largest = report.largestRepositories.first else { return [] }
        let shown = report.largestRepositories.prefix(Self.bars)
        let width = min(40, shown.map(\.name.count).max() ?? 0)
        let unit = Double(max(1, largest.logicalBytes)) / Double(Self.barWidth)
        var lines = ["", "logical size by repository"]
        for repository in shown {
            let length = max(1, Int((Double(repository.logicalBytes) / unit).rounded()))
            let bar = Self.padded(String(repeating: "█", count: length), Self.barWidth)
            lines.append(
                "  \(Self.padded(repository.name, width)) \(bar) \(Self.size(repository.logicalBytes)), "
                    + Self.tags(repository.tags))
        }
        if report.images > shown.count { lines.append("  and \(report.images - shown.count) more") }
        return lines
    }

    private var layers: [String] {
        guard let layers = report.layers else { return [] }
        let head = [
            "",
            "\(layers.count) layers, \(Self.size(layers.storedBytes)) stored, "
                + "\(Self.size(layers.logicalBytes)) if every tag had its own",
        ]
        return head
            + layers.mostShared.flatMap { layer in
                let more = layer.tags - min(layer.tags, Self.namedUsers)
                let users = layer.users.prefix(Self.namedUsers).joined(separator: " ")
                let rest = more > 0 ? " and \(more) more" : ""
                return [
                    "  \(layer.digest)  \(Self.size(layer.size)) in \(Self.tags(layer.tags))", "    \(users)\(rest)",
                ]
            }
    }

    /// Three digits and a unit.
    static func size(_ bytes: Int) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
        var (value, unit) = (Double(bytes), 0)
        while value >= 1000, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        let digits = unit == 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2
        return String(format: "%.\(digits)f", value) + " " + units[unit]
    }

    private static func tags(_ count: Int) -> String { count == 1 ? "1 tag" : "\(count) tags" }

    private static func dollars(_ amount: Double) -> String { "$" + String(format: "%.2f", amount) }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
