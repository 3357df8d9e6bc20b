/// A program that was not started. Messages name the program and its folder, never an argument or a value of the environment.
public struct ProgramError: Error, Hashable, Sendable {
    /// What kind of failure; the only part that tests and callers compare.
    public struct Code: Hashable, Sendable {
        private enum Raw { case programNotFound, notExecutable, folderNotFound, invalidLaunch, exhausted, forbidden }
        private let raw: Raw
        private init(_ raw: Raw) { self.raw = raw }

        /// No file has the program's name.
        public static let programNotFound = Self(.programNotFound)
        /// The file cannot be run.
        public static let notExecutable = Self(.notExecutable)
        /// The folder to start in does not exist or may not be entered.
        public static let folderNotFound = Self(.folderNotFound)
        /// The launch can be given to no program.
        public static let invalidLaunch = Self(.invalidLaunch)
        /// The system has no process, memory or descriptor to spare; the same launch may succeed later.
        public static let exhausted = Self(.exhausted)
        /// No program may be started here.
        public static let forbidden = Self(.forbidden)
    }

    public var code: Code
    /// What was asked, and what was found instead.
    public var message: String
    /// The next thing to try.
    public var hint: String?

    public init(_ code: Code, _ message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }
}

extension ProgramError: CustomStringConvertible {
    public var description: String { message + (hint.map { "\n hint: " + $0 } ?? "") }
}

extension ProgramError {
    package static func programNotFound(_ name: String, path: String?) -> Self {
        guard let path else {
            return Self(
                .programNotFound, "the program '\(name)' cannot be looked for: the environment has no PATH",
                hint: "give the program's environment a PATH, or name the program by its path")
        }
        return Self(
            .programNotFound, "the program '\(name)' is in none of the folders of PATH, '\(path)'",
            hint: "install it, add its folder to PATH, or name it by its path")
    }

    static func programNotFound(at path: String) -> Self {
        Self(.programNotFound, "there is no program '\(path)'", hint: "a path that does not begin with '/' is seen from the task's folder")
    }

    static func notExecutable(_ path: String) -> Self {
        Self(.notExecutable, "'\(path)' may not be run as a program", hint: "is it the right file? 'chmod +x' makes a script a program")
    }

    static func noProgramFormat(_ path: String) -> Self {
        Self(
            .notExecutable, "the system does not know how to run '\(path)'",
            hint: "a script needs a first line such as '#!/bin/sh'; other programs must be built for this kind of machine")
    }

    static func noInterpreter(_ path: String) -> Self {
        Self(
            .notExecutable, "what '\(path)' needs to run does not exist",
            hint: "see the first line of a script ('#!…'), or the loader that 'file' names")
    }

    static func folderNotFound(_ path: String) -> Self {
        Self(.folderNotFound, "the folder '\(path)' to start in does not exist, or is not a folder that may be entered")
    }

    static func invalid(_ reason: String) -> Self {
        Self(.invalidLaunch, "the program cannot be started: \(reason)")
    }

    static func exhausted(_ program: String, errno number: Int32) -> Self {
        Self(
            .exhausted, "the system could not start '\(program)' (errno \(number))",
            hint: "too many processes, open files or too little memory; it may succeed later")
    }

    static let forbidden = Self(.forbidden, "no program may be started here")
}
