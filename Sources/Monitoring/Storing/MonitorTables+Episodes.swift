import MartletBytes
public import MartletFrames
public import MartletStorage

/// An alarm from firing to its end, as it was last stored.
public struct AlarmEpisode: Hashable, Sendable {
    /// As it stood at the last of what is told here.
    public var alarm: Alarm
    /// When it was seen to fire, by the clock; nil if that was before the time that is told of.
    public var fired: Timestamp?
    /// When it was seen to end, by the clock; nil while it fires.
    public var ended: Timestamp?

    public init(alarm: Alarm, fired: Timestamp?, ended: Timestamp?) {
        self.alarm = alarm
        self.fired = fired
        self.ended = ended
    }
}

extension MonitorTables {
    /// The alarms that began or ended since a time, the newest first.
    ///
    /// - Parameter limit: how many beginnings, ends and answers of people are read at most, the newest.
    public func episodes(since time: Timestamp, limit: Int, _ database: any DatabaseReader) throws -> [AlarmEpisode] {
        // The condition on the text only passes over what need not be read; what it lets through is read as what it is.
        let rows = try database.rows("""
            SELECT record FROM monitoring_alarms WHERE time >= \(time) AND fingerprint IS NOT NULL
                AND (record LIKE '%"event":"alarm_fired"%' OR record LIKE '%"event":"alarm_resolved"%' OR record LIKE '%"event":"alarm_acknowledged"%')
            ORDER BY sequence DESC LIMIT \(limit)
            """, limit: limit)
        struct Key: Hashable {
            var identity: AlarmIdentity
            var start: Timestamp
        }
        var places: [Key: Int] = [:]
        var episodes: [AlarmEpisode] = []
        for row in rows {
            guard let timed = (try? JSONValue(parsing: try row.value("record", as: String.self))).flatMap(TimedAlarmRecord.init) else {
                throw MonitoringError.damaged("records of alarms")
            }
            guard case .alarm(let event, let alarm) = timed.record, let episode = alarm.episode else { continue }
            let key = Key(identity: alarm.identity, start: episode.start)
            // The newest record of an episode is met first, and is how it is told.
            let place = places[key] ?? episodes.count
            if place == episodes.count {
                places[key] = place
                episodes.append(AlarmEpisode(alarm: alarm, fired: nil, ended: nil))
            }
            switch event {
            case .fired: episodes[place].fired = timed.time
            case .resolved: episodes[place].ended = timed.time
            default: break
            }
        }
        return episodes
    }

    /// What was told to receivers since a time and what came of it, the newest first.
    public func messages(since time: Timestamp, limit: Int, _ database: any DatabaseReader) throws -> [TimedAlarmRecord] {
        try database.rows("""
            SELECT record FROM monitoring_alarms WHERE time >= \(time) AND fingerprint IS NULL
                AND (record LIKE '%"event":"notified"%' OR record LIKE '%"event":"delivered"%' OR record LIKE '%"event":"gave_up"%')
            ORDER BY sequence DESC LIMIT \(limit)
            """, limit: limit
        ).map { row in
            guard let record = (try? JSONValue(parsing: try row.value("record", as: String.self))).flatMap(TimedAlarmRecord.init) else {
                throw MonitoringError.damaged("records of alarms")
            }
            return record
        }
    }
}
