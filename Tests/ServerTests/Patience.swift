import MartletServer

extension ListenerLimits {
    /// Waits for clients that share their threads with the whole suite, and may get to send what they have minutes after they connected.
    static let patient = {
        var limits = ListenerLimits()
        limits.idleSeconds = 3_600
        limits.requestSeconds = 3_600
        return limits
    }()
}

extension ProjectServer.Settings {
    /// With a listener that waits for the clients of tests.
    static let patient = {
        var settings = ProjectServer.Settings()
        settings.listener = .patient
        return settings
    }()
}
