import EventLoop
import Glibc
import TestSupport
import Testing

@Suite("Descriptors and buffers")
struct DescriptorTests {
    @Test("an owned descriptor is closed with its owner")
    func closes() throws {
        var ends: [CInt] = [-1, -1]
        try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends) == 0)
        let reading = OwnedDescriptor(ends[0])
        do { _ = OwnedDescriptor(ends[1]) }
        var byte: UInt8 = 0
        // The end of the stream, which an open writing end would hide behind EAGAIN.
        #expect(read(reading.number, &byte, 1) == 0)
    }

    @Test("a file is read at any offset, shorter only at its end")
    func readsFile() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/file"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        let bytes = Array(UInt8(0)..<100)
        #expect(write(descriptor, bytes, 100) == 100)
        let file = OpenFile(OwnedDescriptor(descriptor), size: 100)
        #expect(try file.read(at: 0, count: 100) == bytes)
        #expect(try file.read(at: 90, count: 100) == Array(90..<100))
        #expect(try file.read(at: 100, count: 1) == [])
        #expect(try file.read(at: 0, count: 0) == [])
        let region = FileRegion(file: file, offset: 10, length: 50)
        let part = region.slice(5..<20)
        #expect((part.offset, part.length) == (15, 15))
    }

    @Test("a failed call says on what it failed")
    func errors() {
        #expect(throws: SystemCallError.self) {
            try Posix.call("open", subject: "/no/such/file") { open("/no/such/file", O_RDONLY) }
        }
        let error = SystemCallError("open", code: ENOENT, subject: "/no/such/file")
        #expect(error.description == "/no/such/file: No such file or directory (open)")
        #expect(SystemCallError("fsync", code: EIO).description == "fsync: Input/output error")
    }

    @Test("an interrupted call is made again")
    func interrupted() throws {
        var calls = 0
        let result = try Posix.call("read") {
            calls += 1
            errno = EINTR
            return calls < 3 ? -1 : 5
        }
        #expect((result, calls) == (5, 3))
    }

    @Test("buffers move and copy bytes")
    func buffers() {
        let buffer = Buffer(capacity: 16)
        for index in 0..<16 { buffer.base.storeBytes(of: UInt8(index), toByteOffset: index, as: UInt8.self) }
        buffer.move(4..<12, to: 2)
        #expect(bytes(of: buffer, 0..<16) == [0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 10, 11, 12, 13, 14, 15])
        let other = Buffer(capacity: 4)
        buffer.copy(2..<6, to: other, at: 0)
        #expect(bytes(of: other, 0..<4) == [4, 5, 6, 7])
    }

    private func bytes(of buffer: Buffer, _ range: Range<Int>) -> [UInt8] {
        buffer.withSpan(range) { span in span.withUnsafeBytes { Array($0) } }
    }
}
