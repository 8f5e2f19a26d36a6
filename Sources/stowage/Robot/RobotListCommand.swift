import Access
import ArgumentParser
import Foundation
import Glibc

/// `stowage robot list`
struct RobotListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show the accounts, when they end and what they are for.")

    @OptionGroup var file: RobotFileOptions
    @Option(help: "text or json.")
    var output = OutputFormat.text

    func run() throws {
        do {
            let list = RobotList(try RobotFile.robots(in: try file.path()), now: time(nil))
            switch output {
            case .text: print(list.text, terminator: "")
            case .json: print(String(decoding: try list.json, as: UTF8.self))
            }
        } catch {
            try StandardError.fail("\(error)")
        }
    }
}

/// What `stowage robot list` says.
struct RobotList: Codable, Equatable {
    struct Account: Codable, Equatable {
        let login: String
        let description: String
        let created: String
        /// Nil for never.
        let expires: String?
        let isExpired: Bool
    }

    let robots: [Account]

    /// `now`: in seconds since 1970.
    init(_ robots: [Robot], now: Int) {
        self.robots = robots.map { robot in
            Account(
                login: robot.login, description: robot.description, created: UTCDate.text(robot.created),
                expires: robot.expires.map(UTCDate.text), isExpired: !robot.isValid(at: now))
        }
    }

    var json: Data {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return try encoder.encode(self)
        }
    }

    /// A line for each account, with columns of equal width.
    var text: String {
        let rows = robots.map { robot in
            [
                robot.login, robot.created, (robot.expires ?? "never") + (robot.isExpired ? " (expired)" : ""),
                robot.description,
            ]
        }
        let table = [["LOGIN", "CREATED", "EXPIRES", "DESCRIPTION"]] + rows
        let widths = (0..<3).map { column in table.map(\.[column].count).max() ?? 0 }
        let lines = table.map { row in
            let cells = zip(row, widths).map { $0.padding(toLength: $1 + 2, withPad: " ", startingAt: 0) }
            let line = cells.joined() + row[3]
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
        return lines.map { $0 + "\n" }.joined()
    }
}
