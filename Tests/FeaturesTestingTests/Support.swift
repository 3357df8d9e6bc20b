import Foundation
import MartletFrames
import Testing

@testable import MartletFeaturesTesting

/// The files beside the feature engine's tests.
private let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "FeaturesTests")

func mutationsText() throws -> String {
    try String(contentsOf: folder.appending(path: "mutations.txt"), encoding: .utf8)
}

/// Every scenario of `Tests/FeaturesTests/Scenarios`, with its file's name.
func allScenarios() throws -> [(file: String, scenario: Scenario)] {
    let files = try FileManager.default.contentsOfDirectory(
        at: folder.appending(path: "Scenarios"), includingPropertiesForKeys: nil)
    var scenarios: [(file: String, scenario: Scenario)] = []
    for file in files.sorted(by: { $0.path < $1.path }) where file.pathExtension == "txt" {
        let text = try String(contentsOf: file, encoding: .utf8)
        do {
            scenarios += try Scenario.parse(text).map { (file.lastPathComponent, $0) }
        } catch let error as ScenarioSyntaxError {
            Issue.record("\(file.lastPathComponent), \(error)")
        }
    }
    return scenarios
}
