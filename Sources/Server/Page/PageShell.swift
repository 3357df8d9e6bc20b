/// What stands around every page: head, heading and the way out.
enum PageShell {
    /// Nothing but our own script, style and answers; no frames, no other site's anything.
    static let contentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; "
        + "form-action 'self'; frame-ancestors 'none'"

    static func page(_ title: String, project: String?, isLive: Bool = false, attributes: HTML = "", _ content: HTML) -> Response {
        let live: HTML = (isLive ? " data-live=\"1\"" : "") + attributes
        let who: HTML =
            if let project {
                "<span class=\"project\">\(project)</span><nav><a href=\"/pipelines\">Pipelines</a></nav><button type=\"button\" id=\"sign-out\" class=\"quiet\">Sign out</button>"
            } else { "" }
        let html: HTML = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(title) · Martlet</title>
            <link rel="icon" href="data:,">
            <link rel="stylesheet" href="/assets/martlet.css">
            <script src="/assets/martlet.js" defer></script>
            </head>
            <body>
            <a class="skip" href="#main">To the content</a>
            <header><a class="brand" href="/">\(mark)Martlet</a>\(who)</header>
            <main id="main"\(live)>\(content)</main>
            </body>
            </html>
            """
        return answer(Array(html.text.utf8), type: "text/html; charset=utf-8", caching: "no-store")
    }

    /// A part of a page, which the page's script puts in its place.
    static func fragment(_ part: HTML) -> Response {
        answer(Array(part.text.utf8), type: "text/html; charset=utf-8", caching: "no-store")
    }

    static func answer(_ body: [UInt8], type: String, caching: String, status: Int = 200) -> Response {
        Response(
            status: status,
            headers: Headers([
                ("content-type", type), ("content-security-policy", contentSecurityPolicy), ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"), ("cross-origin-opener-policy", "same-origin"),
                ("cross-origin-resource-policy", "same-origin"), ("cache-control", caching),
            ]), body: body)
    }

    /// The bird, drawn with one line.
    private static let mark: HTML = """
        <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true"><path d="M2 8c5 0 8 2 10 5 2-5 5-8 10-9-2 3-3 5-3 8 0 5-4 \
        8-9 8-2 0-4 0-6 1 2-2 3-3 3-5-2-1-4-4-5-8z" fill="currentColor"/></svg>
        """

    /// The page for somebody without a session: the set-up by a code, or a token.
    static var signIn: Response {
        page(
            "Sign in", project: nil,
            """
            <section class="narrow" aria-labelledby="sign-in-title">
            <h1 id="sign-in-title">Sign in</h1>
            <p id="setup-note">The first time, open the address that <code>martlet up</code> printed; it holds a one-time code.
            Later, use a token.</p>
            <form id="sign-in" autocomplete="off">
            <label for="token">Token</label>
            <input id="token" name="token" type="password" required spellcheck="false" autocomplete="off">
            <button type="submit">Sign in</button>
            <p id="message" role="alert"></p>
            </form>
            <p class="hint">An administrator makes one with <code>martlet token create --role viewer</code>.</p>
            <noscript><p class="bad">Signing in needs the page's script, which comes from this server.</p></noscript>
            </section>
            """)
    }

    /// A page that says what went wrong.
    static func problem(_ problem: Problem, project: String?) -> Response {
        let hint: HTML = problem.hint.map { "<p class=\"hint\">\($0)</p>" } ?? ""
        var response = page(
            "Not available", project: project,
            """
            <section class="narrow"><h1>That did not work</h1><p>\(problem.message)</p>\(hint)<p><a href="/">Back to the overview</a></p></section>
            """)
        response.status = problem.status
        return response
    }
}
