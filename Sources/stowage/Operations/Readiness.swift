import EventLoop
import ObjectStorage
import RegistryAPI
import Synchronization

/// Whether the store can be used, asked at most once in a few seconds, however often and by however many somebody looks.
final class Readiness: Sendable {
    private enum State {
        case asking(Task<String?, Never>, since: Int)
        case known(String?, since: Int)
    }

    /// How long an answer counts, and how long one is waited for, in seconds.
    private let age: Int
    /// What else there is to say of a store that can be used, line by line.
    let details: @Sendable () -> [String]
    private let probe: @Sendable () async throws -> Void
    private let clock: @Sendable () -> Int
    private let state = Mutex<State?>(nil)

    /// `probe` throws what is wrong with the store; `clock` gives seconds.
    init(
        age: Int = 2, details: @escaping @Sendable () -> [String] = { [] },
        probe: @escaping @Sendable () async throws -> Void, clock: @escaping @Sendable () -> Int
    ) {
        (self.age, self.details, self.probe) = (age, details, probe)
        self.clock = clock
    }

    /// What is wrong with the store; nil when it can be used.
    func problem() async -> String? {
        let now = clock()
        let asking: Task<String?, Never>
        switch state.withLock({ next(&$0, now) }) {
        case .known(let problem, _): return problem
        case .asking(_, let since) where now - since >= age:
            return "the store has not answered for \(now - since) s"
        case .asking(let task, _): asking = task
        }
        return await asking.value
    }

    /// What is known, or the question that is under way, or a new one.
    private func next(_ state: inout State?, _ now: Int) -> State {
        switch state {
        case .known(let problem, let since)? where now - since < age: return .known(problem, since: since)
        case .asking(let task, let since)?: return .asking(task, since: since)
        default:
            let question = State.asking(Task { await ask(since: now) }, since: now)
            state = question
            return question
        }
    }

    private func ask(since: Int) async -> String? {
        var problem: String?
        do {
            try await probe()
        } catch {
            problem = "\(error)"
        }
        state.withLock { [problem] in $0 = .known(problem, since: since) }
        return problem
    }
}

extension OpenedStore {
    /// Asks `store`, which is this one, counted. Of a bucket only whether it answers: one that can be read and not
    /// written to would cost a write every few seconds, and serves pulls.
    func readiness(of store: any ObjectStore, _ registry: RegistryHandler) -> Readiness {
        guard case .bucket(let connection) = self else {
            return Readiness(
                probe: { try await store.probe(readOnly: registry.settings.readOnly) }, clock: { EventLoop.now })
        }
        return Readiness(
            age: 5, details: { [bucket = connection.store] in bucket.capabilities.lines },
            probe: { try await store.probe(readOnly: true) }, clock: { EventLoop.now })
    }
}
