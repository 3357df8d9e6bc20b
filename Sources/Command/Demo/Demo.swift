import ArgumentParser

/// `martlet demo`
struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Play the example, make its data, and put load on an endpoint.",
        discussion: """
            martlet demo                      plays weeks of the example, up to now
            martlet demo --break canary       has a bad version caught on the way

            The options of playing: martlet demo play --help
            """,
        subcommands: [Play.self, Data.self, Load.self], defaultSubcommand: Play.self)
}
