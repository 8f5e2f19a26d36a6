import Foundation

/// The time of day of one program, which a test puts forward; its timers are not touched.
///
/// By libfaketime, from the package of that name.
struct Clock {
    private let file = FileManager.default.temporaryDirectory.path + "/clock-" + UUID().uuidString

    init() throws { try set(secondsAhead: 0) }

    /// What the program has to be started with.
    var environment: [String: String] {
        [
            // The dynamic linker knows what $LIB is.
            "LD_PRELOAD": "/usr/$LIB/faketime/libfaketime.so.1", "FAKETIME_TIMESTAMP_FILE": file,
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        ]
    }

    func set(secondsAhead seconds: Int) throws {
        try "+\(seconds)\n".write(toFile: file, atomically: true, encoding: .utf8)
    }

    func remove() { unlink(file) }
}
