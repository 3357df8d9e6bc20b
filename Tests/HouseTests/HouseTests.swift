import Foundation
import Testing

@Suite("House rules")
struct HouseTests {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    func rules() throws -> HouseRules {
        try HouseRules(manifest: String(contentsOf: root.appending(path: "Package.swift"), encoding: .utf8))
    }

    @Test("every arrow points down")
    func arrows() throws {
        let rules = try rules()
        #expect(rules.targets.count >= 6)
        #expect(rules.arrowsThatPointUp() == [])
    }

    @Test("every source file keeps the rules")
    func sources() throws {
        let rules = try rules()
        let sources = root.appending(path: "Sources")
        var count = 0
        for target in try FileManager.default.contentsOfDirectory(atPath: sources.path()) {
            let folder = sources.appending(path: target)
            guard let files = FileManager.default.enumerator(atPath: folder.path()) else { continue }
            for case let file as String in files where file.hasSuffix(".swift") {
                let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
                #expect(rules.problems(in: text, file: "\(target)/\(file)", target: target) == [])
                count += 1
            }
        }
        #expect(count > 20)
    }

    @Test("every folder of Sources is a target of the manifest")
    func folders() throws {
        let manifest = try String(contentsOf: root.appending(path: "Package.swift"), encoding: .utf8)
        for folder in try FileManager.default.contentsOfDirectory(atPath: root.appending(path: "Sources").path()) {
            let isNamed = manifest.contains("\"\(folder)\"") || manifest.contains("\"Sources/\(folder)\"")
            #expect(isNamed, "Sources/\(folder) is no target")
        }
    }

    @Test("the packages of the build are those of the bill, at its versions")
    func packages() throws {
        let resolved = try JSONSerialization.jsonObject(with: Data(contentsOf: root.appending(path: "Package.resolved"))) as? [String: Any]
        let pins = try #require(resolved?["pins"] as? [[String: Any]])
        let found = pins.map { pin in
            let place = (pin["location"] as? String ?? "").split(separator: "/").suffix(2).joined(separator: "/")
            let version = (pin["state"] as? [String: Any])?["version"] as? String ?? "of no version"
            return "\(place.hasSuffix(".git") ? String(place.dropLast(4)) : place) \(version)"
        }
        let bill = try String(contentsOf: root.appending(path: "docs/reference/dependencies.md"), encoding: .utf8)
        let stated = bill.matches(of: #/\| ([\w.-]+/[\w.-]+) \| ([\w.-]+) \|/#).map { "\($0.1) \($0.2)" }
        #expect(stated.count > 9 && stated == found.sorted { $0.lowercased() < $1.lowercased() })
    }

    @Test("no committed text names a machine's path")
    func paths() throws {
        let places = ["Sources", "Tests", "docs", "Scripts", "Examples", "README.md", "Makefile", "ARCHITECTURE.md", "CHANGELOG.md"]
        for place in places {
            let url = root.appending(path: place)
            let files = (FileManager.default.enumerator(atPath: url.path())?.compactMap { $0 as? String } ?? []).map { url.appending(path: $0) }
            for file in files + [url] {
                guard let text = try? String(contentsOf: file, encoding: .utf8) else { continue }
                #expect(!text.contains("/wo" + "rk/"), "\(file.lastPathComponent)")
            }
        }
    }

    @Test("canary: each rule catches what it is for", arguments: [
        ("import MartletServer", "which the manifest does not give"),
        ("import Foundation", "on the ground floor"),
        ("let now = Date()", "the system clock"),
        ("let id = UUID()", "randomness"),
        ("let n = Int.random(in: 0..<4)", "randomness"),
        ("FileManager.default.removeItem", "the file system"),
        ("posix_spawn(&started, path", "a program of its own"),
        ("let child = Process()", "a program of its own"),
        ("let x = try! f()", "a trap on input"),
        ("// TO" + "DO: later", "a leftover marker"),
        ("let fra" + "ud = true", "names an example's domain"),
    ])
    func canary(_ code: String, _ finding: String) throws {
        let problems = try rules().problems(in: code, file: "canary.swift", target: "Frames")
        #expect(problems.contains { $0.contains(finding) }, "\(problems)")
    }

    @Test("canary: an arrow that points up is found")
    func upwards() throws {
        let rules = try HouseRules(manifest: #".part("A", on: ["B"]), .part("B")"#)
        #expect(rules.arrowsThatPointUp() == ["A depends on B, which does not stand below it"])
    }
}
