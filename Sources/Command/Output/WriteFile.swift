import MartletWorld

/// Writes a file that the user named.
func writeFile(_ bytes: [UInt8], to path: String) throws(CommandFailure) {
    do throws(FileError) {
        try SequentialOutput(path: path).write(bytes)
    } catch {
        throw CommandFailure(error)
    }
}
