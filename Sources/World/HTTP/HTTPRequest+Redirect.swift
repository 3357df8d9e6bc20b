extension HTTPRequest {
    /// What is asked next if an answer says to ask elsewhere; nil if it says no such thing.
    ///
    /// As browsers do it: after 303, and after 301 or 302 of a POST, by GET and without the body. To another server go of the headers only
    /// those that say what the body is and what may come back, so that no credential goes astray.
    ///
    /// - Throws: ``HTTPRequestError`` if it leads to nothing that can be asked, or from https to http.
    public func following(_ answer: HTTPAnswer) throws(HTTPRequestError) -> HTTPRequest? {
        guard [301, 302, 303, 307, 308].contains(answer.status), let location = answer.location else { return nil }
        var next = self
        do throws(WebAddressError) {
            next.address = try address.following(location)
        } catch {
            throw HTTPRequestError(.unusable, "\(address.origin) redirects to what \(error)")
        }
        guard address.scheme == .http || next.address.scheme == .https else {
            throw HTTPRequestError(
                .forbidden, "\(address.origin) redirects from https to \(next.address.origin), where nothing is encrypted",
                hint: "ask the address itself if that is what you want")
        }
        if answer.status == 303 ? method != .head : answer.status < 303 && method == .post {
            next.method = .get
            next.body = nil
            next.headers.removeAll { $0.name.hasPrefix("content-") }
        }
        if next.address.origin != address.origin { next.headers.removeAll { !Self.harmless.contains($0.name) } }
        return next
    }

    private static let harmless: Set = ["accept", "accept-language", "content-type", "user-agent"]
}
