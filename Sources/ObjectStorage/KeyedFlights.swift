import EventLoop
import Synchronization

/// Runs one fetch at a time for each key and lets callers that wait share the next one.
///
/// Nobody ever gets an answer to a question that was asked before his own: whoever comes while a fetch is under way
/// shares the one after it, so what he sees is not older than his call. Failures are shared as well.
final class KeyedFlights<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    typealias Fetch = @Sendable () async throws -> Value

    /// For each key with a fetch under way, those who wait for the next one.
    private let waiting = Mutex<[Key: [Promise<Value>]]>([:])

    init() {}

    /// How many wait for the next fetch of a key.
    func waiting(for key: Key) -> Int { waiting.withLock { $0[key]?.count ?? 0 } }

    /// What `fetch` gives, called here or on behalf of several callers that wait for the same key.
    func value(for key: Key, _ fetch: @escaping Fetch) async throws -> Value {
        let seat = waiting.withLock { waiting -> Promise<Value>? in
            guard waiting[key] != nil else {
                waiting[key] = []
                return nil
            }
            let seat = Promise<Value>()
            waiting[key]?.append(seat)
            return seat
        }
        if let seat { return try await seat.value }
        // Nobody else can share this one: it runs in its caller's task, and is cancelled with it.
        defer { land(key, fetch) }
        return try await fetch()
    }

    /// Ends the fetch under way and starts the next one if somebody waits for it.
    private func land(_ key: Key, _ fetch: @escaping Fetch) {
        let passengers = waiting.withLock { waiting in
            let passengers = waiting[key] ?? []
            waiting[key] = passengers.isEmpty ? nil : []
            return passengers
        }
        guard !passengers.isEmpty else { return }
        Task(executorPreference: EventLoop.current) {
            let result: Result<Value, any Error>
            do { result = .success(try await fetch()) } catch { result = .failure(error) }
            self.land(key, fetch)
            for passenger in passengers { passenger.keep(result) }
        }
    }
}
