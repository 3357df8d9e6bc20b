// swift-tools-version: 6.2
import PackageDescription

// Measures the statistics of monitoring as Martlet builds them. Only the ground floor is compiled.
let package = Package(
    name: "Drift",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "martlet", path: "../..")],
    targets: [
        .executableTarget(name: "Drift", dependencies: [.product(name: "MartletStatistics", package: "martlet")], path: ".")
    ]
)
