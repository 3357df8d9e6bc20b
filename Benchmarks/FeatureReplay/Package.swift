// swift-tools-version: 6.2
import PackageDescription

// Measures the engine as Martlet builds it. Only the ground floor is compiled.
let package = Package(
    name: "FeatureReplay",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "martlet", path: "../..")],
    targets: [
        .executableTarget(name: "FeatureReplay", dependencies: [.product(name: "MartletFeatures", package: "martlet")], path: ".")
    ]
)
