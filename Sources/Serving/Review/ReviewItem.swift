public import MartletFrames

/// A decision that waits for a person, or that one has judged: a state machine without clock or store.
public struct ReviewItem: Hashable, Sendable {
    /// Why it is here.
    public enum Reason: String, Hashable, Sendable, CaseIterable {
        /// The endpoint's condition holds.
        case uncertain
        /// Chosen by its id, whatever its score.
        case explored
        /// Somebody objects to it.
        case contested
    }

    /// Where it stands; the raw value is stored and answered.
    public enum State: String, Hashable, Sendable, CaseIterable {
        case open
        /// A person holds it, until a time.
        case claimed
        /// A verdict was given and is on its way into the log.
        case answering
        case decided
        /// Nobody came in time.
        case expired
    }

    /// The prediction's id; there is one item a prediction.
    public var prediction: String
    public var endpoint: String
    /// The prediction's position in the log.
    public var position: Int64
    /// The prediction's time.
    public var time: Timestamp
    /// When it is too late for a person.
    public var expires: Timestamp
    public var reason: Reason
    /// Whether it is among those that are chosen whatever their score, be it uncertain besides or not.
    public var isExplored: Bool
    /// The chance with which a decision like this one is reviewed: 1 of an uncertain one, else the explored share.
    public var propensity: Double
    /// As the condition sees it; nil if there was none.
    public var output: Double?
    public var state = State.open
    /// Who holds it, or gave the verdict; as the audit log names them.
    public var holder: String?
    public var heldUntil: Timestamp?
    /// The verdict, as JSON.
    public var label: String?
    /// What the person who judged has to say.
    public var note: String?
    /// What the one who objects has to say.
    public var objection: String?
    public var decided: Timestamp?
    /// The log's end as the verdict was given: what is in the log of it lies behind.
    public var logEnd: Int64?

    public init(
        prediction: String, endpoint: String, position: Int64, time: Timestamp, expires: Timestamp, reason: Reason, isExplored: Bool,
        propensity: Double, output: Double?
    ) {
        self.prediction = prediction
        self.endpoint = endpoint
        self.position = position
        self.time = time
        self.expires = expires
        self.reason = reason
        self.isExplored = isExplored
        self.propensity = propensity
        self.output = output
    }

    /// Whether somebody else holds it.
    private func isHeld(from person: String, at now: Timestamp) -> Bool {
        state == .claimed && holder != person && heldUntil.map { now < $0 } ?? false
    }

    private func requireOpen(to person: String, at now: Timestamp) throws(ReviewRefusal) {
        switch state {
        case .answering, .decided: throw .decided
        case .expired: throw .expired
        case .open, .claimed:
            if now >= expires { throw .expired }
            if isHeld(from: person, at: now) { throw .held(until: heldUntil ?? now) }
        }
    }

    /// A person takes it, or holds it longer.
    public mutating func claim(by person: String, at now: Timestamp, for span: Timestamp.Span) throws(ReviewRefusal) {
        try requireOpen(to: person, at: now)
        state = .claimed
        holder = person
        heldUntil = now + span
    }

    /// A person who holds it lets it go.
    public mutating func release(by person: String, at now: Timestamp) throws(ReviewRefusal) {
        try requireOpen(to: person, at: now)
        reopen()
    }

    /// A person judges; the verdict is now to be put in the log.
    public mutating func answer(
        _ label: String, note: String?, by person: String, at now: Timestamp, logEnd: Int64
    ) throws(ReviewRefusal) {
        try requireOpen(to: person, at: now)
        state = .answering
        holder = person
        heldUntil = nil
        self.label = label
        self.note = note
        self.logEnd = logEnd
        decided = now
    }

    /// The verdict is in the log.
    public mutating func finish() {
        precondition(state == .answering, "a review that nobody answers cannot be finished")
        state = .decided
    }

    /// The verdict could not be taken.
    public mutating func giveUp() {
        precondition(state == .answering, "a review that nobody answers cannot be given up")
        reopen()
    }

    /// Somebody objects to the decision: it waits anew, whoever judged it before.
    public mutating func contest(_ objection: String, expires: Timestamp) throws(ReviewRefusal) {
        if state == .answering { throw .decided }
        if state == .decided || state == .expired { reopen() }
        reason = .contested
        propensity = 1
        self.objection = objection
        self.expires = expires
    }

    private mutating func reopen() {
        state = .open
        holder = nil
        heldUntil = nil
        label = nil
        note = nil
        decided = nil
        logEnd = nil
    }
}

/// Why something cannot be done with a review.
public enum ReviewRefusal: Error, Hashable, Sendable {
    /// Another person holds it.
    case held(until: Timestamp)
    /// A verdict was given.
    case decided
    case expired
}
