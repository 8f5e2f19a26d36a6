import ArgumentParser
import EventLoop
import Glibc
import Registry

/// `stowage doctor`
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Look for what is wrong with a store and the way to it.",
        discussion: """
            Whether the bucket can be reached and used, with which credentials and permissions, what it cannot do, \
            whether the clock is right, whether something ends unfinished uploads, and then every object: keys that do \
            not belong there, manifests that cannot be read, content that is missing or has another size. Writes \
            nothing but probe objects, which it removes; with STOWAGE_READ_ONLY=true not even those. Exits with 1 if \
            anything is wrong.
            """)

    @OptionGroup var storage: StorageOptions
    @Option(help: "text or json.")
    var output = OutputFormat.text

    func run() async throws {
        let doctor: Doctor
        do {
            doctor = try Doctor(storage.load().configuration)
        } catch {
            try StandardError.fail("\(error)")
        }
        let progress = ProgressText()
        let report = await doctor.examine { progress.show("\($0.objects) objects, \($0.manifests) manifests") }
        progress.clear()
        print(output == .json ? try report.json : report.text)
        if !report.isHealthy { throw ExitCode(1) }
    }
}
