import ObjectStorage
import S3
import TestSupport
import Testing

/// What the probe finds on servers whose ways are known.
@Suite(.s3)
struct S3CapabilitiesTests {
    @Test func ceph() async throws {
        let found = try await probe(.ceph)
        let working: Set<S3Capabilities.Feature> = [
            .createOnce, .compareAndSwap, .payloadHash, .partMinimum, .listOrder,
        ]
        for feature in S3Capabilities.Feature.allCases {
            #expect(found[feature].state == (working.contains(feature) ? .works : .ignored), "\(feature)")
        }
    }

    @Test func seaweed() async throws {
        let found = try await probe(.seaweed)
        for feature in [S3Capabilities.Feature.createOnce, .compareAndSwap, .conditionalComplete, .conditionalDelete] {
            #expect(found[feature].state == .works, "\(feature)")
        }
    }

    /// Takes whatever it is given.
    @Test func rclone() async throws {
        let found = try await probe(.rclone)
        for feature in [S3Capabilities.Feature.createOnce, .compareAndSwap, .conditionalComplete, .conditionalDelete] {
            #expect(found[feature].state == .ignored, "\(feature)")
            #expect(found[feature].description.hasPrefix("\(feature.rawValue): ignored; "))
        }
    }

    /// Probes an empty place and checks that it is empty afterwards.
    private func probe(_ kind: S3Server.Kind) async throws -> S3Capabilities {
        let store = try S3TestStore(kind).store
        let found = try await store.probeCapabilities(readOnly: false)
        #expect(store.capabilities == found)
        #expect(try await store.keys().isEmpty)
        return found
    }

    @Test func readOnlyWritesNothing() async throws {
        let test = try S3TestStore()
        let found = try await test.store.probeCapabilities(readOnly: true)
        #expect(found.findings.allSatisfy { $0.state == .unknown })
        #expect(test.counter.operations == ["ListObjectsV2"])
    }

    /// What writes itself finds out about writing once.
    @Test func readinessWritesOnce() async throws {
        let test = try S3TestStore()
        for _ in 0..<3 { try await test.store.probe(readOnly: false) }
        #expect(test.counter["PutObject"] == 1)
        #expect(test.counter["ListObjectsV2"] == 3)
        #expect(try await test.store.keys().isEmpty)
    }

    @Test func noSuchBucket() async throws {
        let store = try S3TestStore(bucket: "no-such-bucket").store
        for verb in [
            { _ = try await store.probeCapabilities(readOnly: false) }, { try await store.probe(readOnly: true) },
        ] as [() async throws -> Void] {
            let reason = await unavailability(verb)
            #expect(reason.contains("NoSuchBucket"))
        }
    }

    /// Without create-once a look has to do.
    @Test func withoutCreateOnce() async throws {
        let test = try S3TestStore(.rclone)
        try await test.store.probeCapabilities(readOnly: false)
        let key: ObjectKey = "once/key"
        try await test.store.put([1], at: key, metadata: ObjectMetadata(), condition: .absent)
        let error = await storeError {
            try await test.store.put([2], at: key, metadata: ObjectMetadata(), condition: .absent)
        }
        #expect(error == .preconditionFailed(key))
        #expect(try await test.store.bytes(of: key, limit: 10)?.bytes == [1])
    }
}
