import EventLoop
import S3
import Synchronization

/// A multipart upload whose parts travel in the background, some of them at once, while the next one is filled.
///
/// One task starts parts and ends the upload.
final class S3MultipartUpload: Sendable {
    private struct State {
        var parts: [S3Part] = []
        var tasks: [Int: Task<Void, Never>] = [:]
        var failure: (any Error)?
        /// Kept whenever a part ends.
        var change: Promise<Void>?
        var isOver = false
    }

    let key: String
    private let client: S3Client
    private let partsInFlight: Int
    private let creation: Task<String, any Error>
    private let state = Mutex(State())

    /// Asks for the upload in the background.
    init(
        key: String, contentType: String?, userMetadata: [String: String], storageClass: String?, client: S3Client,
        partsInFlight: Int
    ) {
        self.key = key
        self.client = client
        self.partsInFlight = partsInFlight
        creation = Task(executorPreference: EventLoop.current) {
            try await client.createMultipartUpload(
                key, contentType: contentType, userMetadata: userMetadata, storageClass: storageClass)
        }
    }

    /// Gives the upload up in the background unless it has ended: what is not aborted is stored, and paid for, until a
    /// lifecycle rule of the bucket removes it.
    deinit {
        let (tasks, isOver) = state.withLock { (Array($0.tasks.values), $0.isOver) }
        if isOver { return }
        let (client, key, creation) = (client, key, creation)
        for task in tasks { task.cancel() }
        Task(executorPreference: EventLoop.current) {
            // Parts that arrive after the abort would stay.
            for task in tasks { await task.value }
            do {
                try await client.abortMultipartUpload(key, uploadID: creation.value)
            } catch {
                // Nothing was created, or the bucket is out of reach: nobody waits for this to succeed.
            }
        }
    }

    /// Waits until another part may be begun; throws why an earlier one failed.
    func waitForTurn() async throws {
        try await waitUntil(atMost: partsInFlight)
    }

    /// Starts a part of `memory`, whose room is free again when it has been sent.
    func send(_ memory: PartMemory, number: Int, sha256: [UInt8]?) {
        let (client, key) = (client, key)
        start(number) { creation in
            defer { memory.release() }
            return try await client.uploadPart(
                key, uploadID: creation.value, number: number, body: memory.body, sha256: sha256)
        }
    }

    /// Starts a part that is a slice of another object, copied by the server.
    func copy(_ slice: ComposePlan.Slice, number: Int) {
        let (client, key) = (client, key)
        start(number) { creation in
            do {
                return try await client.uploadPartCopy(
                    from: slice.source.string, range: slice.range, to: key, uploadID: creation.value, number: number)
            } catch let error as S3Error where error.isNoSuchKey {
                throw ObjectStoreError.noSuchKey(slice.source)
            }
        }
    }

    /// Waits for all parts and returns what completes the upload.
    func finish() async throws -> (uploadID: String, parts: [S3Part]) {
        try await waitUntil(atMost: 0)
        let uploadID = try await creation.value
        return (uploadID, state.withLock { $0.parts }.sorted { $0.number < $1.number })
    }

    /// Says that the upload has become an object, so that there is nothing to abort.
    func end() {
        state.withLock { $0.isOver = true }
    }

    private func start(_ number: Int, _ body: @escaping @Sendable (Task<String, any Error>) async throws -> String) {
        let creation = creation
        state.withLock { state in
            state.tasks[number] = Task(executorPreference: EventLoop.current) { [weak self] in
                let result: Result<String, any Error>
                do { result = .success(try await body(creation)) } catch { result = .failure(error) }
                self?.ended(number, result)
            }
        }
    }

    private func ended(_ number: Int, _ result: Result<String, any Error>) {
        let change = state.withLock { state in
            state.tasks[number] = nil
            switch result {
            case .success(let etag): state.parts.append(S3Part(number: number, etag: etag))
            case .failure(let error): state.failure = state.failure ?? error
            }
            defer { state.change = nil }
            return state.change
        }
        change?.keep(.success(()))
    }

    private func waitUntil(atMost count: Int) async throws {
        while true {
            let change = try state.withLock { state -> Promise<Void>? in
                if let failure = state.failure { throw failure }
                guard state.tasks.count > count else { return nil }
                let change = Promise<Void>()
                state.change = change
                return change
            }
            guard let change else { return }
            try await change.value
        }
    }
}
