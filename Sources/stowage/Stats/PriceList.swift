/// What a GiB costs a month in each storage class of S3, in US dollars; the defaults are AWS's list prices of us-east-1.
struct PriceList: Codable, Equatable, Sendable {
    var standard = 0.023
    /// Its frequent access tier: nobody but S3 knows what has moved to a cheaper one.
    var intelligentTiering = 0.023
    var standardIA = 0.0125
    var oneZoneIA = 0.01
    var glacierIR = 0.004
    var reducedRedundancy = 0.024
    var expressOneZone = 0.11

    /// The price of S3's class `name`; a class that is not listed counts as standard.
    func price(ofClass name: String) -> Double {
        switch name {
        case "INTELLIGENT_TIERING": intelligentTiering
        case "STANDARD_IA": standardIA
        case "ONEZONE_IA": oneZoneIA
        case "GLACIER_IR": glacierIR
        case "REDUCED_REDUNDANCY": reducedRedundancy
        case "EXPRESS_ONEZONE": expressOneZone
        default: standard
        }
    }

    /// A month of storage by class, in dollars.
    func monthly(_ bytesByClass: [String: Int]) -> Double {
        bytesByClass.reduce(0) { $0 + price(ofClass: $1.key) * Double($1.value) / Double(1 << 30) }
    }

    /// Every price with the name of its setting.
    var all: [(name: String, price: Double)] {
        [
            ("standard", standard), ("intelligentTiering", intelligentTiering), ("standardIA", standardIA),
            ("oneZoneIA", oneZoneIA), ("glacierIR", glacierIR), ("reducedRedundancy", reducedRedundancy),
            ("expressOneZone", expressOneZone),
        ]
    }
}
