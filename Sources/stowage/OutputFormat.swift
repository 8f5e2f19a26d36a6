import ArgumentParser

/// How a command writes its result.
enum OutputFormat: String, CaseIterable, ExpressibleByArgument {
    case text, json
}
