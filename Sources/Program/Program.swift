import MartletCommand

/// `martlet`: the command line, with no definitions but those of the project's files.
@main
struct Program {
    static func main() async {
        await MartletCommandLine.main()
    }
}
