extension TimedAlarmRecord {
    /// Of the alarm that the record is about; nil of those that are about several or none.
    var fingerprint: String? {
        switch record {
        case .alarm(_, let alarm): alarm.identity.fingerprint
        case .order(_, let order): order.identity.fingerprint
        case .effect(let effect): effect.order.identity.fingerprint
        default: nil
        }
    }
}
