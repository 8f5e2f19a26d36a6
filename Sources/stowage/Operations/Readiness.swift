import Synchronization

/// Whether the store can be used, asked at most once in two seconds, however often and by however many somebody looks.
final class Readiness: Sendable {
    private enum State {
        case asking(Task<String?, Never>, since: Int)
        case known(String?, since: Int)
    }

    /// How long an answer counts, and how long one is waited for, in seconds.
    private static let age = 2

    private let probe: @Sendable () async throws -> Void
    private let clock: @Sendable () -> Int
    private let state = Mutex<State?>(nil)

    /// `probe` throws what is wrong with the store; `clock` gives seconds.
    init(probe: @escaping @Sendable () async throws -> Void, clock: @escaping @Sendable () -> Int) {
        self.probe = probe
        self.clock = clock
    }

    /// What is wrong with the store; nil when it can be used.
    func problem() async -> String? {
        let now = clock()
        let asking: Task<String?, Never>
        switch state.withLock({ next(&$0, now) }) {
        case .known(let problem, _): return problem
        case .asking(_, let since) where now - since >= Self.age:
            return "the store has not answered for \(now - since) s"
        case .asking(let task, _): asking = task
        }
        return await asking.value
    }

    /// What is known, or the question that is under way, or a new one.
    private func next(_ state: inout State?, _ now: Int) -> State {
        switch state {
        case .known(let problem, let since)? where now - since < Self.age: return .known(problem, since: since)
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
