import ArgumentParser
import MartletServer
import MartletPlatform

/// `martlet up`
struct Up: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve the project over HTTP until interrupted.",
        discussion: """
            Listens on this machine only unless --host says otherwise. At the first start it prints a URL with a one-time code, which makes the \
            browser that opens it an administrator. Programs use a token from 'martlet token create'.
            """)

    @Option(name: .long, help: ArgumentHelp("The project's folder.", valueName: "dir"))
    var project = "."

    @Option(help: "The address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "The port; 0 takes any that is free.")
    var port = 7070

    @Flag(name: .long, help: "Start no programs, whatever pipelines say.")
    var noExec = false

    func validate() throws {
        guard (0...65_535).contains(port) else { throw ValidationError("a port is a number from 0 to 65535") }
    }

    func run() async throws {
        let console = try Console()
        let folder = try ProjectFolder(project)
        let server: ProjectServer
        do {
            var settings = ProjectServer.Settings()
            settings.tasks.allowsPrograms = !noExec
            settings.tasks.functions = BuiltIn.current.functions
            server = try await ProjectServer.open(projectFolder: folder.path, settings: settings)
        } catch let error as PlatformError where error.code == .held {
            throw CommandFailure(
                "held", "a server or a command already holds the project '\(project)'",
                hint: "end it first; commands reach it by themselves")
        }
        let signals = TerminationSignals()
        do {
            try await server.listenOnSocket()
            let url = try await server.listen(host: host, port: port)
            try await server.platform.startPipelines(schedules: true)
            try console.say("serving \(folder.path == "." ? "this project" : folder.path) at \(url)")
            if let setupURL = try server.setupURL(url) { try console.say("open this once to become its administrator: \(setupURL)") }
        } catch {
            signals.release()
            try? await server.close()
            throw error
        }
        // It closes the project at its end.
        try await server.run(until: signals)
    }
}
