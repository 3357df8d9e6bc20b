import ArgumentParser
import MartletBytes
import MartletDemo
import MartletFrames
import MartletPlatform
import MartletWorld

extension Demo {
    /// `martlet demo`
    struct Play: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Play weeks of the example in seconds, up to now: the loop closes by itself.",
            discussion: """
                martlet demo
                martlet demo --break canary
                martlet up --project DIR        then shows what came of it

                Payments are judged, outcomes come a week later, thieves change their ways; monitors see it, a pipeline learns anew, and the new version is \
                tried before it answers. Time is virtual; everything else is the program as it is, on the disk.
                """)

        /// What goes wrong.
        enum Break: String, ExpressibleByArgument, CaseIterable {
            /// Somebody brings in a version that has hardly learned.
            case canary
        }

        @Option(name: .customLong("break"), help: "What goes wrong: canary brings in a version that has hardly learned.")
        var breaks: Break?

        @Option(help: ArgumentHelp("Where the project is made; a new folder if left out.", valueName: "dir"))
        var project: String?

        @Option(help: "The seed.")
        var seed: UInt64 = 7

        @Option(help: "How many customers.")
        var customers = 1_200

        @Flag(name: .long, help: "Print what happens as JSON, one value a line.")
        var json = false

        func validate() throws {
            guard (100...20_000).contains(customers) else { throw ValidationError("take 100 to 20000 customers") }
        }

        func run() async throws {
            let console = try Console()
            try await Session.reporting(isJSON: json, to: console) {
                let folder = project ?? "martlet-demo-" + UUIDv7.make(at: console.clock.now(), random: SystemRandom()).description.suffix(8)
                let files = try newFolder(folder)
                var settings = LifeSettings(end: console.clock.now())
                settings.seed = seed
                settings.customers = customers
                settings.terminals = customers * 2
                if breaks == .canary {
                    settings.attack = nil
                    settings.carelessVersion = 5
                    settings.days = 30
                }
                let clock = LifeClock(at: settings.start, real: console.clock)
                var world = try World.system(root: folder + "/.martlet")
                world.clock = clock
                let platform = try await Platform.open(world: world, projectFiles: files)
                let told = LifeTelling(settings, console, isJSON: json)
                do {
                    try await play(DemoLife(settings, platform, clock: clock) { clock.advance(by: $0) }, told, files)
                } catch {
                    try? await platform.close()
                    throw error
                }
                try await platform.close()
                try told.end(folder)
            }
        }

        private func newFolder(_ folder: String) throws -> SystemFileSystem {
            if PathKind.of(folder) == .other { throw CommandFailure("exists", "'\(folder)' is a file", hint: "choose another name") }
            let files = try SystemFileSystem(root: folder)
            try ProjectWriter(files).write(DemoProject.files.map { .init(path: $0.path, text: $0.text) })
            return files
        }

        private func play(_ life: DemoLife, _ told: LifeTelling, _ files: SystemFileSystem) async throws {
            try told.opening()
            try await life.begin()
            try told.begun(life)
            try await told.trained(life.train(reason: "the first model"), at: life.settings.start)
            var isCareless = false
            while !life.isOver {
                if let day = life.settings.carelessVersion, !isCareless, life.now >= life.settings.start + .days(Int64(day)), try !life.isTrying() {
                    isCareless = true
                    try Self.overwrite(files, "models/fraud.yaml", DemoProject.carelessModel)
                    try await life.apply(reason: "faster to train")
                    try await told.careless(life.train(reason: "faster to train"), at: life.now)
                }
                let before = life.now
                let events = try await life.step()
                if let attack = life.settings.attackTime, before < attack, life.now >= attack { try told.attack(attack) }
                for event in events { try told.happened(event) }
            }
            try told.lived(life, audit: life.verifyAudit())
        }

        private static func overwrite(_ files: SystemFileSystem, _ path: String, _ text: String) throws {
            guard let path = RelativePath(path) else { return }
            let file = try files.open(path, .write)
            try file.truncate(to: 0)
            try file.write(Array(text.utf8), at: 0)
        }
    }
}
