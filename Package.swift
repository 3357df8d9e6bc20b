// swift-tools-version: 6.2
import PackageDescription

let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let sqlite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let http = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let nio = ["NIOCore", "NIOHTTP1", "NIOPosix"].map { Target.Dependency.product(name: $0, package: "swift-nio") }
let security = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")

// The floors of the house, ground first. A target may depend only on what stands above it in this list;
// `Tests/HouseTests` holds the sources to the same order.
let package = Package(
    name: "martlet",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "martlet", targets: ["MartletProgram"]),
        // For projects in Swift.
        .library(name: "Martlet", targets: ["Martlet"]),
        .executable(name: "simulate", targets: ["MartletSimulate"]),
        // For Benchmarks/FeatureReplay.
        .library(name: "MartletFeatures", targets: ["MartletFrames", "MartletExpressions", "MartletFeatures"]),
        // For Benchmarks/Drift.
        .library(name: "MartletStatistics", targets: ["MartletStatistics"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/attaswift/BigInt", exact: "6.0.1"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
    ],
    targets: [
        // Floor 0, ground: pure, no I/O, no clock, no Foundation.
        .part("Bytes"),
        .part("Frames", on: ["Bytes"]),
        .part("Numerics"),
        .part("Expressions", on: ["Frames", "Numerics"]),
        .part("Statistics", on: ["Bytes", "Numerics"]),
        .part("Features", on: ["Bytes", "Frames", "Expressions"]),
        .part("Models", on: ["Frames", "Numerics"]),

        // Floor 1: the world, and what users write.
        .part("World", on: ["Bytes", "Frames"]),
        .part("Definitions", on: ["Bytes", "Frames", "World"], libraries: [crypto, .product(name: "Yams", package: "Yams")]),

        // Floor 2: storage.
        .part("Storage", on: ["Bytes", "Frames", "World"], libraries: [crypto, grdb, sqlite]),
        .systemLibrary(name: "CDuckDB", path: "Sources/CDuckDB"),
        .part("SQL", on: ["Bytes", "Frames"], libraries: ["CDuckDB"]),

        // Floor 3: parts.
        .part("Access", on: ["Bytes", "Frames", "World", "Storage"], libraries: [crypto]),
        .part("Governance", on: ["Bytes", "Frames", "World", "Storage", "Access"], libraries: [crypto]),
        .systemLibrary(name: "CZlib", path: "Sources/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .part("Ingestion", on: ["Bytes", "Frames", "Expressions", "Definitions", "Storage"], libraries: [crypto, "CZlib"]),
        .part(
            "FeatureStore", on: ["Bytes", "Frames", "Expressions", "Features", "World", "Definitions", "Storage", "Ingestion"]),
        .part("Registry", on: ["Bytes", "Frames", "Statistics", "Models", "Storage"], libraries: [crypto]),
        .part("Training", on: ["Frames", "Expressions", "Models", "Definitions", "Ingestion", "FeatureStore"]),
        .part("Serving", on: ["Bytes", "Numerics", "Frames", "Expressions", "Statistics", "Definitions", "Storage", "Ingestion"]),
        .part("Monitoring", on: ["Bytes", "Frames", "Numerics", "Expressions", "Statistics", "World", "Definitions", "Storage"]),
        .part("Pipelines", on: ["Bytes", "Frames", "Expressions", "World", "Definitions", "Storage", "SQL", "Access"], libraries: [heap]),

        // Floor 4: the platform, which wires the parts.
        .part(
            "Plan",
            on: [
                "Frames", "Expressions", "Features", "World", "Definitions", "Ingestion", "FeatureStore", "Training", "Serving",
                "Monitoring", "Pipelines",
            ]),
        .part(
            "Platform",
            on: [
                "Bytes", "Frames", "Expressions", "Statistics", "Features", "Models", "World", "Definitions", "Storage", "SQL", "Access",
                "Governance", "Ingestion", "FeatureStore", "Registry", "Training", "Serving", "Monitoring", "Pipelines", "Plan",
            ]),

        // A connector: the real way to other servers, given to the world at the rim.
        .part("Outbound", on: ["Frames", "World"], libraries: nio + [http, security, .product(name: "NIOTLS", package: "swift-nio")]),

        // Floor 5: doors.
        .part(
            "Server",
            on: [
                "Bytes", "Frames", "Expressions", "Models", "World", "Definitions", "Storage", "Access", "Governance", "Ingestion",
                "FeatureStore", "Registry", "Training", "Serving", "Monitoring", "Pipelines", "Platform", "Outbound",
            ], libraries: nio),
        // The examples' seeded data and lives, in their own words.
        .part(
            "Demo", on: ["Bytes", "Frames", "Expressions", "World", "Access", "Governance", "Ingestion", "Registry", "Serving", "Pipelines", "Platform"]),
        .part(
            "Command",
            on: [
                "Bytes", "Frames", "Expressions", "World", "Definitions", "SQL", "Access", "Governance", "Ingestion", "Pipelines", "Platform", "Server", "Demo",
            ], libraries: nio + [arguments]),
        .program("Program", on: ["Command"]),
        // Projects in Swift: the command with their definitions built in.
        .library("Martlet", on: ["Frames", "World", "Definitions", "Storage", "Pipelines", "Platform", "Command"]),
        .executableTarget(name: "FraudProject", dependencies: ["Martlet"], path: "Examples/fraud-in-swift"),

        // Test support: a world with virtual time and planted faults, oracles, contract kits.
        .part("Simulation", on: ["Frames", "World"]),
        .part("FeaturesTesting", on: ["Frames", "Expressions", "Features"], libraries: [.product(name: "BigInt", package: "BigInt")]),
        .part("OutboundTesting", libraries: nio + [security]),
        .part("StorageTesting", on: ["Frames", "World", "Storage", "Simulation"]),
        .part(
            "PlatformTesting",
            on: [
                "Bytes", "Frames", "Expressions", "Models", "World", "Simulation", "Storage", "Access", "Governance", "Ingestion",
                "FeatureStore", "Registry", "Platform",
            ]),
        .part("MonitoringTesting", on: ["Bytes", "Frames", "World", "Monitoring"]),
        .part(
            "PipelinesTesting",
            on: ["Bytes", "Frames", "Expressions", "World", "Simulation", "Definitions", "Access", "Pipelines"]),
        .program("Simulate", on: ["StorageTesting", "PipelinesTesting", "PlatformTesting"]),

        // Tests mirror the sources.
        .testTarget(name: "HouseTests", path: "Tests/HouseTests"),
        .tests("Bytes", on: ["Bytes"]),
        .tests("Frames", on: ["Bytes", "Frames", "World"]),
        .tests("Numerics", on: ["Numerics"], exclude: ["Golden"]),
        .tests("Expressions", on: ["Frames", "Numerics", "Expressions"], exclude: ["Golden/make-time-zone-vectors.py"]),
        .tests("Statistics", on: ["Bytes", "Numerics", "Statistics"], exclude: ["Golden"]),
        .tests(
            "Features", on: ["Bytes", "Frames", "Expressions", "Features", "FeaturesTesting"],
            exclude: ["Scenarios", "mutations.txt", "mutations.md"]),
        .tests("FeaturesTesting", on: ["Frames", "Expressions", "Features", "FeaturesTesting"], exclude: ["Golden"]),
        .tests("Models", on: ["Frames", "Models"], exclude: ["Golden"]),
        .tests("World", on: ["Frames", "World", "Simulation"]),
        .tests("Definitions", on: ["Frames", "World", "Definitions"]),
        .tests("Storage", on: ["Bytes", "Frames", "World", "Simulation", "Storage", "StorageTesting"], libraries: [grdb]),
        .tests("SQL", on: ["Bytes", "Frames", "SQL"]),
        .tests("Access", on: ["Bytes", "Frames", "World", "Simulation", "Storage", "Access"]),
        .tests("Governance", on: ["Frames", "World", "Simulation", "Storage", "Access", "Governance"]),
        .tests("Ingestion", on: ["Bytes", "Frames", "Ingestion"], libraries: ["CZlib"]),
        .tests(
            "FeatureStore",
            on: ["Frames", "Features", "FeaturesTesting", "World", "Simulation", "Storage", "FeatureStore"]),
        .tests("Training", on: ["Models", "Training"]),
        .tests("Serving", on: ["Frames", "Expressions", "Definitions", "Storage", "Simulation", "World", "Serving"]),
        .tests("Registry", on: ["Frames", "Models", "Registry"]),
        .tests("Monitoring", on: ["Bytes", "Frames", "Statistics", "World", "Monitoring", "MonitoringTesting"], exclude: ["Golden", "Scenarios"]),
        .tests(
            "Pipelines",
            on: [
                "Bytes", "Frames", "Expressions", "World", "Simulation", "Definitions", "Storage", "SQL", "Access", "Pipelines",
                "PipelinesTesting",
            ], exclude: ["Golden", "Scenarios"]),
        .tests(
            "Plan",
            on: [
                "Frames", "Expressions", "Features", "World", "Definitions", "Access", "Ingestion", "FeatureStore", "Training", "Serving",
                "Pipelines", "Plan",
            ], exclude: ["ErrorSentences.txt"]),
        .tests(
            "Platform",
            on: [
                "Bytes", "Frames", "Expressions", "World", "Definitions", "Storage", "Access", "Governance", "Ingestion", "Registry", "Serving",
                "Monitoring", "Pipelines", "Platform", "Outbound", "OutboundTesting", "Demo", "Plan", "PlatformTesting", "Simulation",
            ], exclude: ["Golden"]),
        .tests("Outbound", on: ["Frames", "World", "Outbound", "OutboundTesting"]),
        // The built program from outside: killed while clients write, scanned for persons in every byte.
        .testTarget(name: "KillTests", dependencies: ["MartletProgram", "FraudProject"], path: "Tests/KillTests"),
        // Real files, where there are any.
        .tests("DataSet", on: ["World", "Definitions", "Access", "Platform"], exclude: ["Projects"]),
        .tests("Demo", on: ["Demo", "Frames"]),
        .tests(
            "Server",
            on: [
                "Bytes", "Frames", "Models", "World", "Definitions", "Storage", "Access", "Governance", "Ingestion", "FeatureStore",
                "Registry", "Training", "Platform", "Server", "OutboundTesting",
            ], libraries: nio + ["CZlib", crypto]),
        .tests(
            "Command",
            on: [
                "Bytes", "Frames", "Expressions", "World", "Definitions", "Ingestion", "Training", "Plan", "Platform", "Server", "Simulation",
                "Command",
            ], libraries: [arguments]),
        // The examples in Swift beside the same in files.
        .testTarget(
            name: "MartletTests",
            dependencies: [
                "Martlet", "FraudProject", "MartletCommand", "MartletDefinitions", "MartletFrames", "MartletPipelines", "MartletPlan",
                "MartletPlatform",
            ],
            path: "Tests/MartletTests"),
    ]
)

extension Target {
    /// A library target `Martlet<name>` in the folder `Sources/<name>`.
    static func part(_ name: String, on parts: [String] = [], libraries: [Dependency] = []) -> Target {
        .target(
            name: "Martlet" + name, dependencies: parts.map { .target(name: "Martlet" + $0) } + libraries,
            path: "Sources/" + name)
    }

    /// A library target of this very name for users, in the folder `Sources/<name>`.
    static func library(_ name: String, on parts: [String]) -> Target {
        .target(name: name, dependencies: parts.map { .target(name: "Martlet" + $0) }, path: "Sources/" + name)
    }

    /// An executable target `Martlet<name>` in the folder `Sources/<name>`.
    static func program(_ name: String, on parts: [String], libraries: [Dependency] = []) -> Target {
        .executableTarget(
            name: "Martlet" + name, dependencies: parts.map { .target(name: "Martlet" + $0) } + libraries,
            path: "Sources/" + name)
    }

    /// The tests of a part, in the folder `Tests/<name>Tests`; golden vectors stand in `Golden` beside their scripts.
    static func tests(_ name: String, on parts: [String], libraries: [Dependency] = [], exclude: [String] = []) -> Target {
        .testTarget(
            name: name + "Tests", dependencies: parts.map { .target(name: "Martlet" + $0) } + libraries,
            path: "Tests/" + name + "Tests", exclude: exclude)
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
