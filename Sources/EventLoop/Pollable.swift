import CPosix
import Glibc

/// Something whose descriptor an event loop watches. Both calls come on the loop's thread.
package protocol Pollable: AnyObject, Sendable {
    /// The descriptor became readable or writable, or its peer went away (edge-triggered).
    func ready(_ events: ReadyEvents)
    /// About once a second, for timeouts; `now` is `EventLoop.now`.
    func tick(now: Int)
}

/// What epoll(7) reported of a descriptor.
package struct ReadyEvents: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let readable = ReadyEvents(rawValue: EPOLLIN.rawValue)
    package static let writable = ReadyEvents(rawValue: EPOLLOUT.rawValue)
    /// The peer sends no more, or the connection broke: reads return what is left, then the end or an error.
    package static let hangUp = ReadyEvents(
        rawValue: EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue)
    /// The connection is over in both directions: the peer reset it, or both sides ended it.
    package static let broken = ReadyEvents(rawValue: EPOLLHUP.rawValue | EPOLLERR.rawValue)
}
