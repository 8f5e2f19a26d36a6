/// What a manifest in an index runs on (image-spec, "Image Index"); nothing here depends on it, so nothing is required.
package struct Platform: Codable, Equatable, Sendable {
    /// The processor, in Go's words: `amd64`, `arm64`.
    package var architecture: String?
    /// The operating system, in Go's words: `linux`, `windows`.
    package var os: String?
    /// The version of the operating system.
    package var osVersion: String?
    /// What the operating system must offer.
    package var osFeatures: [String]?
    /// The variant of the processor: `v7`.
    package var variant: String?

    /// A platform of the given parts.
    package init(
        architecture: String? = nil, os: String? = nil, osVersion: String? = nil, osFeatures: [String]? = nil,
        variant: String? = nil
    ) {
        self.architecture = architecture
        self.os = os
        self.osVersion = osVersion
        self.osFeatures = osFeatures
        self.variant = variant
    }

    private enum CodingKeys: String, CodingKey {
        case architecture, os, variant
        case osVersion = "os.version"
        case osFeatures = "os.features"
    }
}
