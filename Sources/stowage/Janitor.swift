import Logging
import ObjectStorage
import Registry
import RegistryAPI
import Synchronization

/// Removes in the background what interrupted clients and processes left behind.
final class Janitor: Sendable {
    private static let interval = Duration.seconds(900)

    private let opened: OpenedStore
    private let registry: RegistryHandler
    private let logging: ServerLogging
    private let task = Mutex<Task<Void, Never>?>(nil)

    init(_ opened: OpenedStore, registry: RegistryHandler, logging: ServerLogging) {
        self.opened = opened
        self.registry = registry
        self.logging = logging
    }

    func start() {
        task.withLock { task in
            task = Task {
                while !Task.isCancelled {
                    await clean()
                    // Cancelled: the loop ends.
                    try? await Task.sleep(for: Self.interval)
                }
            }
        }
    }

    func stop() {
        task.withLock { $0 }?.cancel()
    }

    private func clean() async {
        let settings = registry.settings
        guard !settings.readOnly else { return }
        let age = settings.repositories.options.uploadAge
        do {
            let removed = try await settings.repositories.removeAbandonedUploads(olderThan: age)
            if removed > 0 { logging.logger.info("removed \(removed) abandoned uploads") }
            if case .directory(let store) = opened { try await store.removeStaleTemporaryFiles(olderThan: age) }
        } catch {
            logging.logger.warning("cleaning up abandoned uploads failed: \(error)")
        }
    }
}
