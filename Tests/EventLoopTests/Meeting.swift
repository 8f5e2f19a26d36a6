import Glibc

/// A place where threads wait for each other: `arrive` returns once `size` of them have come.
///
/// `@unchecked Sendable`: the count is guarded by the mutex.
final class Meeting: @unchecked Sendable {
    private let size: Int
    private var arrived = 0
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init(size: Int) {
        self.size = size
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func arrive() {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        arrived += 1
        if arrived == size { pthread_cond_broadcast(condition) }
        while arrived < size { pthread_cond_wait(condition, mutex) }
    }
}
