import ObjectStorage
import OpenSSL

/// The secret that signs upload tokens: one for all replicas, made by the first of them.
enum UploadSecret {
    /// The store's secret. A read-only registry starts no uploads and needs none that lasts.
    static func load(from store: any ObjectStore, readOnly: Bool) async throws -> [UInt8] {
        if let secret = try await read(from: store) { return secret }
        let fresh = RandomBytes.make(UploadTokenSigner.secretLength)
        if readOnly { return fresh }
        do {
            try await store.put(
                fresh, at: StorageLayout.uploadSecret, metadata: ObjectMetadata(), condition: .absent)
            return fresh
        } catch ObjectStoreError.preconditionFailed {
            // Another replica was first: its secret counts.
            return try await read(from: store) ?? fresh
        }
    }

    private static func read(from store: any ObjectStore) async throws -> [UInt8]? {
        guard let object = try await store.bytes(of: StorageLayout.uploadSecret, limit: 1024) else { return nil }
        guard object.bytes.count == UploadTokenSigner.secretLength else {
            throw ObjectStoreError.unavailable(
                "\(StorageLayout.uploadSecret) does not hold \(UploadTokenSigner.secretLength) bytes; remove it, and a"
                    + " new one is made (running uploads start over)")
        }
        return object.bytes
    }
}
