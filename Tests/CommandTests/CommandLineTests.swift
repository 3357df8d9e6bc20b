import ArgumentParser
import MartletBytes
@testable import MartletCommand
import MartletPlatform
import MartletServer
import Testing


@Suite("The command line")
struct CommandLineTests {
    @Test("the commands are those that exist, in the groups of the loop")
    func names() {
        let names = Root.configuration.groupedSubcommands.flatMap(\.subcommands).map { $0._commandName }
        #expect(
            names.joined(separator: " ")
                == "init plan apply up ingest events dead-letters features dataset train runs models promote rollouts rollback "
                + "predict explain replay outcome feedback reviews pipelines lineage monitors alarms audit doctor token secret demo")
    }

    @Test("every command takes --help and has a sentence for it")
    func help() {
        for command in Root.configuration.groupedSubcommands.flatMap(\.subcommands) {
            #expect(command.configuration.abstract.hasSuffix("."), "\(command)")
            #expect(Root.helpMessage(for: command).contains("USAGE: martlet"), "\(command)")
        }
    }

    @Test("an option stands anywhere, and defaults hold")
    func ingest() throws {
        let command = try #require(
            try Root.parseAsRoot(["ingest", "--live", "orders", "-", "--project", "shop", "--format", "ndjson"]) as? Ingest)
        #expect(command.live && command.stream == "orders" && command.file == "-")
        #expect(command.options.project == "shop" && command.format == .ndjson && !command.ignoreUnknown)
        let up = try #require(try Root.parseAsRoot(["up"]) as? Up)
        #expect(up.host == "127.0.0.1" && up.port == 7070 && up.project == ".")
    }

    @Test("dead-letters lists by itself and replays when told")
    func deadLetters() throws {
        let list = try #require(try Root.parseAsRoot(["dead-letters", "orders"]) as? DeadLetters.List)
        #expect(list.stream == "orders")
        let replay = try #require(try Root.parseAsRoot(["dead-letters", "replay", "orders"]) as? DeadLetters.Replay)
        #expect(replay.stream == "orders")
    }

    @Test(
        "what makes no sense is a usage error",
        arguments: [
            ["predict", "e"], ["predict", "e", "--inputs", "{}", "--batch", "f"], ["predict", "e", "--batch", "f", "--append"],
            ["outcome"], ["outcome", "--label", "1"], ["outcome", "--stream", "s", "--label", "1"],
            ["outcome", "--prediction", "p", "--stream", "s", "--unique", "u", "--label", "1"], ["outcome", "f", "--label", "1"],
            ["features", "v"], ["features", "v", "--key", "novalue"], ["up", "--port", "70000"], ["events", "s", "--limit", "0"],
            ["init", "x", "--label", "y"], ["token", "create", "--role", "king"], ["nothing"], ["train"],
            ["predict", "e", "--batch", "f", "--format", "json"], ["demo", "load", "--url", "ftp://x", "--endpoint", "e", "--requests", "f"],
        ])
    func usage(_ arguments: [String]) {
        #expect(throws: (any Error).self) { try Root.parseAsRoot(arguments) }
        do {
            _ = try Root.parseAsRoot(arguments)
        } catch {
            let ending = Ending(error)
            #expect(ending.status == 2 && !ending.isAnswer)
            #expect(ending.text.hasPrefix("error: "), "\(ending.text)")
        }
    }

    @Test("asking for help is an answer, not an error")
    func askingForHelp() {
        do {
            var command = try Root.parseAsRoot(["plan", "--help"])
            try command.run()
            Issue.record("help was not given")
        } catch {
            let ending = Ending(error)
            #expect(ending.isAnswer && ending.status == 0)
            #expect(ending.text.contains("OVERVIEW: Check the project's files"))
        }
    }

    @Test("a key's value is a number where it is written as one, and a text in quotes")
    func keys() {
        #expect(KeyPart(argument: "id=17")?.value == 17)
        #expect(KeyPart(argument: "id=\"17\"")?.value == "17")
        #expect(KeyPart(argument: "id=017")?.value == "017")
        #expect(KeyPart(argument: "id=a=b")?.value == "a=b")
        #expect(KeyPart(argument: "id=") == nil)
        #expect(KeyPart(argument: "=1") == nil)
    }

    @Test("a label is JSON where it can be")
    func labels() {
        #expect(Outcome.label("true") == true)
        #expect(Outcome.label("12.5") == 12.5)
        #expect(Outcome.label("late") == "late")
    }

    @Test("inputs that are no object are refused with a hint")
    func inputs() throws {
        #expect(try Predict.object("{\"a\":1}", option: "--inputs") == ["a": 1])
        do {
            _ = try Predict.object("[1]", option: "--inputs")
            Issue.record("an array was taken")
        } catch {
            #expect(error.text() == "error: --inputs is an array, not an object\n hint: write it as '{\"field\": value}'")
            #expect(error.status == .usage)
        }
    }

    @Test("a request's target escapes what a path or a query cannot hold")
    func targets() {
        #expect(Ask(.get, "streams", "a b/c", "events").with("from", "1").with("none", nil).target == "/api/v1/streams/a%20b%2Fc/events?from=1")
        #expect(Ask(.get, "audit").with("actor", "token:ä&b=c").target == "/api/v1/audit?actor=token%3A%C3%A4%26b%3Dc")
    }

    @Test("a server's address is a host and a port")
    func addresses() {
        #expect(ServerAddress("http://127.0.0.1:7070") == ServerAddress("http://127.0.0.1:7070/"))
        #expect(ServerAddress("http://[::1]:80")?.host == "::1")
        #expect(ServerAddress("http://example.org")?.port == 80)
        for bad in ["https://a:1", "http://", "http://a:0", "http://a:x", "a:1"] { #expect(ServerAddress(bad) == nil, "\(bad)") }
    }
}
