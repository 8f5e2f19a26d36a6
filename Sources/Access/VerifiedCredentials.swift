import EventLoop
import OpenSSL
import Synchronization

/// Runs bcrypt, and remembers for a while what it said: clients send the same password with every request.
///
/// What is remembered is found by a code of user, password and stored hash under a key that only this process has, so that
/// no password is in memory and a new hash finds nothing. Callers with the same question share one run.
final class VerifiedCredentials: Sendable {
    /// Times in seconds.
    struct Limits {
        /// How long a right password is known after its last use.
        var rightLifetime = 300
        /// How long a wrong one is known.
        var wrongLifetime = 30
        /// How many of each are known.
        var capacity = 8192
        /// How many runs may be under way or wait; at 50 ms each, the last one waits for some seconds.
        var pending = 64
        /// What callers beyond that are told to wait.
        var retryAfter = 5
    }

    private typealias Code = [UInt8]
    private typealias Waiter = UnsafeContinuation<Bool, any Error>

    private enum Turn {
        case known(Bool)
        case runs, shares, full
    }

    private struct State {
        let limits: Limits
        var right: RecentCodes
        var wrong: RecentCodes
        /// Who waits for which run.
        var runs: [Code: [Waiter]] = [:]
        var started = 0

        init(_ limits: Limits) {
            self.limits = limits
            right = RecentCodes(capacity: limits.capacity)
            wrong = RecentCodes(capacity: limits.capacity)
        }

        mutating func verdict(on code: Code, at now: Int) -> Bool? {
            if right.contains(code, since: now - limits.rightLifetime) {
                right.insert(code, at: now)
                return true
            }
            return wrong.contains(code, since: now - limits.wrongLifetime) ? false : nil
        }

        mutating func enter(_ code: Code, _ waiter: Waiter, at now: Int) -> Turn {
            // It may have been answered since the caller looked.
            if let verdict = verdict(on: code, at: now) { return .known(verdict) }
            if runs[code] != nil {
                runs[code]?.append(waiter)
                return .shares
            }
            guard runs.count < limits.pending else { return .full }
            runs[code] = [waiter]
            started += 1
            return .runs
        }

        mutating func leave(_ code: Code, _ result: Result<Bool, any Error>, at now: Int) -> [Waiter] {
            if case .success(let isRight) = result {
                if isRight { right.insert(code, at: now) } else { wrong.insert(code, at: now) }
            }
            return runs.removeValue(forKey: code) ?? []
        }
    }

    private let work: BlockingWork
    private let clock: @Sendable () -> Int
    private let key = HMACKey(RandomBytes.make(32))
    private let state: Mutex<State>

    /// `clock`: in seconds, of a clock that never goes back.
    init(work: BlockingWork, limits: Limits, clock: @escaping @Sendable () -> Int) {
        self.work = work
        self.clock = clock
        state = Mutex(State(limits))
    }

    /// How often bcrypt was started.
    var hashRuns: Int { state.withLock { $0.started } }

    /// How many callers wait for bcrypt.
    var waiting: Int { state.withLock { $0.runs.values.reduce(0) { $0 + $1.count } } }

    /// Whether `hash` is that of `password`; returns without suspension if that is known.
    func isRight(user: String, password: String, hash: BcryptHash) async throws -> Bool {
        let code = code(user, password, hash)
        let now = clock()
        if let known = state.withLock({ $0.verdict(on: code, at: now) }) { return known }
        return try await withUnsafeThrowingContinuation { waiter in
            let (turn, retryAfter) = state.withLock { ($0.enter(code, waiter, at: now), $0.limits.retryAfter) }
            switch turn {
            case .known(let isRight): waiter.resume(returning: isRight)
            case .runs: Task { await self.run(code) { hash.matches(password) } }
            case .shares: break
            case .full: waiter.resume(throwing: AuthenticationError.throttled(retryAfter: retryAfter))
            }
        }
    }

    /// Runs bcrypt for everybody who waits for its answer; a task of its own, so that no caller's cancellation ends it.
    private func run(_ code: Code, _ matches: @escaping @Sendable () -> Bool) async {
        let result: Result<Bool, any Error>
        do { result = .success(try await work.run(matches)) } catch { result = .failure(error) }
        let now = clock()
        for waiter in state.withLock({ $0.leave(code, result, at: now) }) { waiter.resume(with: result) }
    }

    private func code(_ user: String, _ password: String, _ hash: BcryptHash) -> Code {
        var message: [UInt8] = []
        message.reserveCapacity(192)
        // Neither a hash nor a password that comes here has a NUL, so no two questions are the same message.
        message.append(contentsOf: hash.text.utf8)
        message.append(0)
        message.append(contentsOf: password.utf8)
        message.append(0)
        message.append(contentsOf: user.utf8)
        return key.sha256(message)
    }
}

/// Codes with the time they were put in, at most `capacity` of them: two halves, the older of which makes room.
///
/// An ordinary dictionary: without the key nobody can choose a code, so how long a search takes tells nothing.
private struct RecentCodes {
    private let half: Int
    private var young: [[UInt8]: Int] = [:]
    private var old: [[UInt8]: Int] = [:]

    init(capacity: Int) { half = max(1, capacity / 2) }

    func contains(_ code: [UInt8], since time: Int) -> Bool {
        guard let entry = young[code] ?? old[code] else { return false }
        return entry > time
    }

    mutating func insert(_ code: [UInt8], at time: Int) {
        if young.count >= half, young[code] == nil { (young, old) = ([:], young) }
        young[code] = time
    }
}
