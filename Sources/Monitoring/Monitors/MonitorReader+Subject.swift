internal import MartletDefinitions
internal import MartletFrames

extension MonitorReader {
    func endpoint(_ name: Located<String>) -> Watched? {
        if let endpoint = surroundings.endpoints[name.value] { return .endpoint(endpoint) }
        if !surroundings.brokenEndpoints.contains(name.value) {
            errors.addUnknown(
                "endpoint", name.value, within: " in \(title)", at: name.place, choices: surroundings.endpoints.keys.sorted(), plural: "endpoints")
        }
        return nil
    }

    func stream(_ name: Located<String>) -> Watched? {
        if let fields = surroundings.streams[name.value] { return .stream(fields) }
        if !surroundings.brokenStreams.contains(name.value) {
            errors.addUnknown(
                "stream", name.value, within: " in \(title)", at: name.place, choices: surroundings.streams.keys.sorted(), plural: "streams")
        }
        return nil
    }

    /// Windows that are waited for are open, and each takes memory.
    private static let waitedWindows: Int64 = 30

    static func standardLateness(of window: Timestamp.Span) -> Timestamp.Span {
        window < .seconds(600 / waitedWindows) ? Timestamp.Span(microseconds: window.microseconds * waitedWindows) : .minutes(10)
    }

    func checkLateness(_ lateness: Located<Timestamp.Span>?, _ window: Timestamp.Span) {
        guard let lateness, lateness.value.microseconds / Self.waitedWindows > window.microseconds else { return }
        let most = Timestamp.Span(microseconds: window.microseconds * Self.waitedWindows)
        errors.add(
            .tooLarge, at: lateness.place,
            "\(title) waits \(lateness.value) for what comes late, which is more than \(Self.waitedWindows) of its windows of \(window)",
            found: "\(lateness.value)", hint: "make the windows longer, or 'lateness' at most \(most)")
    }

    /// Fields whose drift is watched must be able to have one.
    func check(_ names: [Located<String>], among fields: [WatchedField], _ title: String) {
        for name in names {
            guard let field = fields.first(where: { $0.name == name.value }) else {
                errors.addUnknown(
                    "field", name.value, within: " in \(title)", at: name.place,
                    choices: fields.filter { $0.role == .value || $0.role == .key }.map(\.name), plural: "fields of the stream")
                continue
            }
            let reason: String
            var hint = "leave it out; 'quality: { missing: … }' watches that it is there"
            switch field.role {
            case .value, .key: continue
            case .time: reason = "is a time, and times always move"
            case .person: reason = "identifies persons, and is stored as pseudonyms"
            case .late:
                reason = "is known later than its event"
                hint = "leave it out"
            }
            errors.add(
                .conflict, at: name.place, "\(title) cannot have '\(name.value)', which \(reason)", found: name.value,
                hint: hint)
        }
    }
}
