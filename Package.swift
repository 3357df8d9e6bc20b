// swift-tools-version: 6.2
import PackageDescription

let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")

// The floors of the house, ground first. A target may depend only on what stands above it in this list;
// `Tests/HouseTests` holds the sources to the same order.
let package = Package(
    name: "martlet",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
    ],
    targets: [
        // Floor 0, ground: pure, no I/O, no clock, no Foundation.
        .part("Bytes"),
        .part("Frames", on: ["Bytes"]),
        .part("Expressions", on: ["Frames"]),
        .part("Features", on: ["Bytes", "Frames", "Expressions"]),

        // Floor 1: the world.
        .part("World", on: ["Frames"]),
        // The same ports with virtual time and planted faults; for tests and the simulator.
        .part("Simulation", on: ["Frames", "World"]),

        // Floor 2: storage.
        .part("Storage", on: ["Bytes", "Frames", "World"], libraries: [crypto, .product(name: "GRDB", package: "GRDB.swift")]),

        // Floor 3: parts.
        .part("Ingestion", on: ["Frames"]),
        .part("Registry", on: ["Bytes", "Frames", "Storage"]),

        // Floor 5: doors.
        .part("Server", libraries: [
            .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
            .product(name: "NIOPosix", package: "swift-nio"),
        ]),

        // The examples' seeded data, in their own words.
        .part("Demo", on: ["Frames", "World"]),

        // Tests mirror the sources.
        .tests("Demo", on: ["Demo", "Frames"]),
        .tests("Server", on: ["Server"], libraries: [.product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio")]),
        .testTarget(name: "HouseTests", path: "Tests/HouseTests"),
        .tests("Bytes", on: ["Bytes"]),
        .tests("Frames", on: ["Bytes", "Frames", "World"]),
        .tests("World", on: ["Frames", "World", "Simulation"]),
        .tests("Storage", on: ["Bytes", "Frames", "World", "Simulation", "Storage"], libraries: [crypto]),
    ]
)

extension Target {
    /// A library target `Martlet<name>` in the folder `Sources/<name>`.
    static func part(_ name: String, on parts: [String] = [], libraries: [Dependency] = []) -> Target {
        .target(
            name: "Martlet" + name, dependencies: parts.map { .target(name: "Martlet" + $0) } + libraries,
            path: "Sources/" + name)
    }

    /// The tests of a part, in the folder `Tests/<name>Tests`.
    static func tests(_ name: String, on parts: [String], libraries: [Dependency] = []) -> Target {
        .testTarget(
            name: name + "Tests", dependencies: parts.map { .target(name: "Martlet" + $0) } + libraries,
            path: "Tests/" + name + "Tests")
    }
}

let settings: [SwiftSetting] = [
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0335-existential-any.md
    .enableUpcomingFeature("ExistentialAny"),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0409-access-level-on-imports.md
    .enableUpcomingFeature("InternalImportsByDefault"),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0444-member-import-visibility.md
    .enableUpcomingFeature("MemberImportVisibility"),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0461-async-function-isolation.md
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0470-isolated-conformances.md
    .enableUpcomingFeature("InferIsolatedConformances"),
    // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0480-swiftpm-warning-control.md
    .treatAllWarnings(as: .error),
]
for target in package.targets where target.type != .system {
    target.swiftSettings = (target.swiftSettings ?? []) + settings
}
