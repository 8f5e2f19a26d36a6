import Foundation
import Testing

/// The main job with every client there is: push, pull, run.
///
/// Runs only when STOWAGE_E2E is 1, after Tests/Tools/install-clients.sh, as root; a client that is missing then is a
/// failure. One test at a time: the clients share the machine's mounts and caches, and their times are checked.
@Suite(
    .serialized, .imageLayout,
    .enabled(if: ProcessInfo.processInfo.environment["STOWAGE_E2E"] == "1", "needs the clients: STOWAGE_E2E=1"))
struct EndToEnd {}
