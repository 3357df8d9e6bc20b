public import MartletWorld

/// A failure of the event log.
public struct LogError: Error, Sendable {
    /// What a caller would react to differently.
    public enum Code: Hashable, Sendable {
        /// Stored bytes are not what was written.
        case damaged
        /// A file was written by a newer program.
        case newerFormat
        /// The disk is full; the append was not stored and may be sent again.
        case full
        /// A write or sync failed; the log takes no more appends until it is opened again.
        case stopped
        /// The append is larger than the log's limits.
        case tooLarge
        /// The file system refused.
        case unavailable
    }

    public var code: Code
    public var message: String
    public var hint: String
    /// The failed operation below, if there was one.
    public var cause: FileError?

    /// Where in which file the bytes are wrong.
    public struct Place: Hashable, Sendable, CustomStringConvertible {
        public var file: String
        public var offset: Int

        public var description: String { "'\(file)' at byte \(offset)" }
    }

    /// Set for ``Code/damaged``.
    public var place: Place?
}

extension LogError {
    static func damaged(_ file: RelativePath, at offset: Int, _ what: String) -> LogError {
        let place = Place(file: "\(file)", offset: offset)
        return LogError(
            code: .damaged, message: "the event log is damaged in \(place): \(what)",
            hint: "restore the file from a backup; nothing was changed or cut away", place: place)
    }

    static func newerFormat(_ file: RelativePath, found: UInt32, newest: UInt32) -> LogError {
        LogError(
            code: .newerFormat, message: "'\(file)' has format version \(found); this program reads up to \(newest)",
            hint: "open the project with the newer program that wrote it")
    }

    static func full(_ cause: FileError) -> LogError {
        LogError(
            code: .full, message: "the append was not stored: \(cause)", hint: "free some space and send it again", cause: cause)
    }

    static func stopped(_ cause: FileError?) -> LogError {
        LogError(
            code: .stopped,
            message: "the event log takes no more appends: " + (cause.map { "\($0)" } ?? "it was closed"),
            hint: "check the disk, then restart; the log is checked when it is opened, and reads go on meanwhile", cause: cause)
    }

    static func tooLarge(_ what: String, found: Int, limit: Int) -> LogError {
        LogError(
            code: .tooLarge, message: "an append of \(found) \(what) was asked for; the most is \(limit)",
            hint: "send it in parts")
    }

    static func unavailable(_ cause: FileError) -> LogError {
        LogError(code: .unavailable, message: "\(cause)", hint: "check the data folder and its permissions", cause: cause)
    }
}

extension LogError: CustomStringConvertible {
    public var description: String { "\(message)\n hint: \(hint)" }
}
