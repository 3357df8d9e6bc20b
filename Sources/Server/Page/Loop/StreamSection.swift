import MartletBytes
import MartletFrames

/// One watched stream as the loop has it: what its monitors saw.
struct StreamSection {
    var name: String
    var time: ClosedRange<Timestamp>
    /// With their measured windows, the newest first.
    var monitors: [(name: String, windows: [JSONValue])]
    /// Alarms of the time, the newest first.
    var episodes: [JSONValue] = []

    private var id: HTML { "stream-\(segment: name)" }

    var html: HTML {
        let figures = LoopFigures(id: id, time: time, episodes: episodes)
        return """
            <section class="loop" id="\(id)" aria-labelledby="\(id)-title" data-on="release windows alarms" data-fragment="/overview/streams/\(segment: name)">\
            <h2 id="\(id)-title">Stream \(name)</h2>\(charts(figures))\(figures.alarms)</section>
            """
    }

    private func charts(_ figures: LoopFigures) -> HTML {
        let pictures = monitors.flatMap { figures.pictures(of: $0.name, "events", $0.windows) }
        if !pictures.isEmpty { return "<div class=\"charts\">\(pictures)</div>" }
        // What is well all the time is no picture.
        return monitors.allSatisfy(\.windows.isEmpty)
            ? "<p class=\"soft\">No window was measured yet.</p>" : "<p class=\"soft\">Nothing that is watched was beyond its bound.</p>"
    }
}
