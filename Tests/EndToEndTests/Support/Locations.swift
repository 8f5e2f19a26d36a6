import Foundation

/// Where the tests find what is not part of them.
enum Locations {
    /// The package's own directory.
    static let package = URL(filePath: #filePath).appending(path: "../../../..").standardized.path

    /// A script of Tests/Tools.
    static func tool(_ name: String) -> String { package + "/Tests/Tools/" + name }

    /// A program of the Python environment that install-clients.sh makes.
    static func python(_ program: String) -> String {
        let environment = ProcessInfo.processInfo.environment
        let made = (environment["TMPDIR"] ?? "/tmp") + "/stowage-e2e-venv"
        return (environment["STOWAGE_E2E_VENV"] ?? made) + "/bin/" + program
    }
}
