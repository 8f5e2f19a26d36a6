import CPosix
import Dispatch
import Glibc
package import Synchronization

/// A place in a loop's table; stale ones (of an earlier owner of the same slot) are ignored.
package struct Registration: Sendable {
    fileprivate let slot: Int
    fileprivate let generation: UInt32

    fileprivate var epollData: UInt64 { UInt64(generation & 0x7fff_ffff) << 32 | UInt64(slot) }
}

/// One event loop: a serial Dispatch queue and one edge-triggered epoll set, whose descriptor is watched by one
/// Dispatch source. It is the executor of the connections that live on it, so their code needs no locks.
///
/// `@unchecked Sendable`: everything mutable but `remote` is touched only on the loop's thread (`isCurrent`).
package final class EventLoop: SerialExecutor, TaskExecutor, @unchecked Sendable {
    private struct Slot {
        var pollable: (any Pollable)?
        var generation: UInt32 = 0
    }

    /// How long the loop keeps its thread when nothing happens, in milliseconds: giving it back to Dispatch and
    /// getting it again costs more than a small request.
    private static let linger: CInt = 10
    private static let maximumEvents = 256
    /// The epoll data of the loop's own descriptors; slots count from 0.
    private static let wakeUpData = UInt64.max
    private static let timerData = UInt64.max - 1

    private let epoll: OwnedDescriptor
    private let wakeUp: OwnedDescriptor
    private let timer: OwnedDescriptor
    private let queue: DispatchQueue
    private let source: any DispatchSourceRead
    private let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: EventLoop.maximumEvents)
    private let owner = Atomic<UInt>(0)

    private var slots: [Slot] = []
    private var freeSlots: [Int] = []
    private var isTicking = false
    private var local: [UnownedJob] = []
    private var running: [UnownedJob] = []
    private var yielded: [UnsafeContinuation<Void, Never>] = []
    private let remote = Mutex<[UnownedJob]>([])
    private let isWakeUpPending = Atomic<Bool>(false)

    /// Buffers for whoever runs on this loop.
    package let buffers = BufferPool()
    /// Registrations that are open; readable from any thread.
    package let load = Atomic<Int>(0)

    /// Makes a loop and starts it; `name` shows up in debuggers.
    package init(name: String) throws(SystemCallError) {
        epoll = OwnedDescriptor(try Posix.call("epoll_create1") { epoll_create1(CInt(EPOLL_CLOEXEC)) })
        wakeUp = OwnedDescriptor(
            try Posix.call("eventfd") { eventfd(0, CInt(EFD_NONBLOCK | EFD_CLOEXEC)) })
        timer = OwnedDescriptor(
            try Posix.call("timerfd_create") {
                timerfd_create(CLOCK_MONOTONIC, CInt(TFD_NONBLOCK | TFD_CLOEXEC))
            })
        queue = DispatchQueue(label: name)
        source = DispatchSource.makeReadSource(fileDescriptor: epoll.number, queue: queue)
        let interest = EPOLLIN.rawValue | EPOLLET.rawValue
        try control(EPOLL_CTL_ADD, wakeUp.number, interest, data: Self.wakeUpData)
        try control(EPOLL_CTL_ADD, timer.number, interest, data: Self.timerData)
        source.setEventHandler { [self] in turn() }
        // Keeps the set open until Dispatch has let go of its descriptor.
        source.setCancelHandler { [self] in withExtendedLifetime(self) {} }
        source.activate()
    }

    deinit {
        events.deallocate()
    }

    /// Stops the loop for good; tasks that still wait on it never go on. For tests and the end of the program.
    package func shutDown() {
        source.cancel()
    }

    /// Seconds of the monotonic clock, for deadlines.
    package static var now: Int { coarseTime.tv_sec }

    /// Milliseconds of the same clock, a few of them late.
    package static var nowMilliseconds: Int {
        let time = coarseTime
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }

    private static var coarseTime: timespec {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
        return time
    }

    // MARK: Watching descriptors (on the loop only)

    /// Watches `descriptor` for `pollable`, which is kept alive until `deregister`; its events may come at once.
    package func register(_ pollable: any Pollable, descriptor: CInt) throws(SystemCallError) -> Registration {
        let interest = EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
        return try register(pollable, descriptor: descriptor, epollInterest: interest)
    }

    /// Watches `descriptor` as `register` does, but level-triggered and for `interest` alone: events come until what
    /// is there was read or written. `hangUp` comes unasked.
    package func register(
        _ pollable: any Pollable, descriptor: CInt, whileReady interest: ReadyEvents
    ) throws(SystemCallError) -> Registration {
        try register(pollable, descriptor: descriptor, epollInterest: interest.rawValue)
    }

    private func register(
        _ pollable: any Pollable, descriptor: CInt, epollInterest: UInt32
    ) throws(SystemCallError) -> Registration {
        let slot = freeSlots.popLast() ?? slots.count
        if slot == slots.count { slots.append(Slot()) }
        slots[slot].generation &+= 1
        slots[slot].pollable = pollable
        let registration = Registration(slot: slot, generation: slots[slot].generation)
        do {
            try control(EPOLL_CTL_ADD, descriptor, epollInterest, data: registration.epollData)
        } catch {
            slots[slot].pollable = nil
            freeSlots.append(slot)
            throw error
        }
        load.wrappingAdd(1, ordering: .relaxed)
        startTicking()
        return registration
    }

    /// Replaces the interest of a level-triggered registration.
    package func change(
        _ registration: Registration, descriptor: CInt, whileReady interest: ReadyEvents
    ) throws(SystemCallError) {
        precondition(slots[registration.slot].generation == registration.generation, "a registration that ended")
        try control(EPOLL_CTL_MOD, descriptor, interest.rawValue, data: registration.epollData)
    }

    /// Stops watching; call it before the descriptor is closed.
    package func deregister(_ registration: Registration, descriptor: CInt) {
        guard slots[registration.slot].generation == registration.generation,
            slots[registration.slot].pollable != nil
        else { return }
        var event = epoll_event()
        // The only way this can fail is that the descriptor is not in the set, which is what is wanted.
        _ = epoll_ctl(epoll.number, EPOLL_CTL_DEL, descriptor, &event)
        slots[registration.slot].pollable = nil
        freeSlots.append(registration.slot)
        load.wrappingSubtract(1, ordering: .relaxed)
    }

    private func control(
        _ operation: CInt, _ descriptor: CInt, _ interest: UInt32, data: UInt64
    ) throws(SystemCallError) {
        var event = epoll_event()
        event.events = interest
        event.data.u64 = data
        _ = try Posix.call("epoll_ctl") { epoll_ctl(epoll.number, operation, descriptor, &event) }
    }

    // MARK: The turn of the loop

    private func turn() {
        owner.store(Self.currentThread, ordering: .relaxed)
        pthread_setspecific(Self.currentLoop, Unmanaged.passUnretained(self).toOpaque())
        while poll() {}
        pthread_setspecific(Self.currentLoop, nil)
        owner.store(0, ordering: .relaxed)
    }

    /// One pass: events, tasks that gave way, then each runnable job once. False when nothing was to do.
    private func poll() -> Bool {
        let timeout = local.isEmpty && yielded.isEmpty ? Self.linger : 0
        let count = Int(epoll_wait(epoll.number, events, CInt(Self.maximumEvents), timeout))
        for index in 0..<max(count, 0) { dispatch(events[index]) }
        if !yielded.isEmpty {
            let batch = yielded
            yielded = []
            for continuation in batch { continuation.resume() }
        }
        drain()
        return count > 0 || !local.isEmpty || !yielded.isEmpty
    }

    private func dispatch(_ event: epoll_event) {
        switch event.data.u64 {
        case Self.wakeUpData:
            consumeCounter(of: wakeUp.number)
            isWakeUpPending.store(false, ordering: .sequentiallyConsistent)
        case Self.timerData:
            consumeCounter(of: timer.number)
            tick()
        case let data:
            let slot = slots[Int(data & 0xffff_ffff)]
            guard slot.generation & 0x7fff_ffff == UInt32(data >> 32) else { return }
            slot.pollable?.ready(ReadyEvents(rawValue: event.events))
        }
    }

    private func consumeCounter(of descriptor: CInt) {
        var counter: UInt64 = 0
        // Edge-triggered: if somebody read it already there is nothing to take back.
        _ = read(descriptor, &counter, MemoryLayout<UInt64>.size)
    }

    /// One pass over the jobs that are runnable now; those they make wait for the next pass, so that events get a turn.
    private func drain() {
        remote.withLock { jobs in
            guard !jobs.isEmpty else { return }
            local.append(contentsOf: jobs)
            jobs.removeAll(keepingCapacity: true)
        }
        guard !local.isEmpty else { return }
        swap(&local, &running)
        let serial = asUnownedSerialExecutor()
        let task = asUnownedTaskExecutor()
        for job in running { job.runSynchronously(isolatedTo: serial, taskExecutor: task) }
        running.removeAll(keepingCapacity: true)
    }

    // MARK: Ticks

    private func startTicking() {
        guard !isTicking else { return }
        isTicking = true
        setTimer(interval: 1)
    }

    /// Gives everybody a tick now; it comes once a second by itself. On the loop only.
    package func tick() {
        let now = Self.now
        for index in slots.indices { slots[index].pollable?.tick(now: now) }
        if freeSlots.count == slots.count {
            isTicking = false
            setTimer(interval: 0)
        }
    }

    private func setTimer(interval seconds: Int) {
        var value = itimerspec()
        value.it_interval.tv_sec = seconds
        value.it_value.tv_sec = seconds
        // Cannot fail: the descriptor is a timer and the values are in range.
        _ = timerfd_settime(timer.number, 0, &value, nil)
    }

    // MARK: Executor

    private static var currentThread: UInt { UInt(pthread_self()) }

    /// The thread-local key under which a thread that runs a loop keeps it.
    private static let currentLoop: pthread_key_t = {
        var key = pthread_key_t()
        let status = pthread_key_create(&key, nil)
        precondition(status == 0, "no thread-local key is left")
        return key
    }()

    /// The loop on whose thread the caller runs; nil on every other thread.
    package static var current: EventLoop? {
        pthread_getspecific(currentLoop).map { Unmanaged<EventLoop>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Whether the caller runs on this loop's thread.
    package var isCurrent: Bool { owner.load(ordering: .relaxed) == Self.currentThread }

    package func enqueue(_ job: consuming ExecutorJob) { enqueue(UnownedJob(job)) }

    package func enqueue(_ job: UnownedJob) {
        if isCurrent {
            local.append(job)
            return
        }
        remote.withLock { $0.append(job) }
        guard !isWakeUpPending.exchange(true, ordering: .sequentiallyConsistent) else { return }
        var one: UInt64 = 1
        // Fails only when the counter is full, and then the loop has a wake-up pending anyhow.
        _ = write(wakeUp.number, &one, MemoryLayout<UInt64>.size)
    }

    package func checkIsolated() { precondition(isCurrent, "not on the event loop") }
    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
    package func asUnownedTaskExecutor() -> UnownedTaskExecutor { UnownedTaskExecutor(ordinary: self) }

    /// Lets everybody else on the loop have a turn; a transfer calls it when it has used up its byte budget.
    package func giveWay() async {
        await withUnsafeContinuation { yielded.append($0) }
    }
}
