import OCI

extension S3loBucket {
    /// A bucket with one of everything s3lo leaves behind.
    package struct Sample: Sendable {
        package var bucket = S3loBucket()
        /// `team/plain:v1`, whose layer is whole.
        package let plain: [UInt8]
        /// `app:v1`, whose layer is in chunks, two of them the same.
        package let chunked: [UInt8]
        /// The children of `app:multi`, one of them in chunks, and last the attestation.
        package let children: [[UInt8]]
        /// `app:multi`, an index of images for two platforms and an attestation.
        package let multi: [UInt8]
        /// `app:bare`, an index that does not say what it is.
        package let bare: [UInt8]
        /// `app/nested:v1`, an index with an index in it.
        package let nested: [UInt8]

        package init() {
            plain = bucket.image("plain")
            chunked = bucket.image("chunked", chunked: true, size: 1_200_000)
            children = [
                bucket.image("amd64"), bucket.image("arm64", chunked: true, size: 9000), bucket.image("attestation"),
            ]
            multi = bucket.index([(children[0], "amd64"), (children[1], "arm64"), (children[2], "unknown")])
            bare = bucket.index([(bucket.image("first"), "amd64"), (children[1], "arm64")], mediaType: false)
            nested = bucket.index([(bucket.index([(bucket.image("deep"), "amd64")]), nil)])
            bucket.tag("team/plain", "v1", plain)
            bucket.tag("app", "v1", chunked)
            bucket.tag("app", "multi", multi)
            bucket.tag("app", "bare", bare)
            bucket.tag("app/nested", "v1", nested)
            addLeftovers()
        }

        /// What a server must pass over.
        private mutating func addLeftovers() {
            bucket.tag("Upper/App", "v 1", plain)
            bucket.tag("app", "with space", plain)
            for name in ["config.json", "index.json", "oci-layout"] {
                bucket.objects["manifests/app/v1/\(name)"] = Array("{}".utf8)
            }
            bucket.objects["manifests/app/v1/history.json"] = Array("[]".utf8)
            bucket.objects["old/v1/manifest.json"] = plain
            bucket.objects["old/v1/blobs/sha256/\(S3loBucket.digest(plain).hex)"] = plain
            bucket.objects["manifests/app/v1/signatures/0123456789abcdef.json"] = Array(#"{"schemaVersion":2}"#.utf8)
        }
    }
}
