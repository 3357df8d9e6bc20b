/// The page's stylesheet and script, served from here and nowhere else.
enum PageAssets {
    static let style = """
        :root { color-scheme: light dark; --ink: #1c2024; --soft: #60646c; --paper: #fbfcfd; --card: #ffffff; --line: #e0e3e8;
          --accent: #2f6fdb; --good: #1d7a4f; --bad: #b3342d; --up: #c2552d; --down: #2f7f9e; }
        @media (prefers-color-scheme: dark) { :root { --ink: #edeef0; --soft: #a4a9b3; --paper: #121417; --card: #1a1d21;
          --line: #2c3036; --accent: #7aa8f5; --good: #5cc295; --bad: #f08a82; --up: #ee9069; --down: #6cb9d6; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", Roboto, sans-serif; }
        .skip { position: absolute; left: -9999px; } .skip:focus { left: 1rem; top: .5rem; background: var(--card); padding: .3rem; }
        header { display: flex; align-items: center; gap: 1rem; padding: .8rem 1.2rem; border-bottom: 1px solid var(--line);
          background: var(--card); }
        .brand { display: flex; align-items: center; gap: .5rem; font-weight: 650; color: var(--ink); text-decoration: none; }
        .project { color: var(--soft); margin-right: auto; }
        main { max-width: 72rem; margin: 0 auto; padding: 1.2rem; display: grid; gap: 1.2rem; }
        .narrow { max-width: 34rem; margin: 2rem auto; width: 100%; }
        section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem 1.2rem; min-width: 0; }
        h1 { font-size: 1.4rem; margin: 0 0 .6rem; } h2 { font-size: 1.05rem; margin: 0 0 .6rem; }
        p { margin: .4rem 0; } .hint, .soft { color: var(--soft); } .bad { color: var(--bad); } .good { color: var(--good); }
        code, .mono { font: .9em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
        .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .8rem; }
        .figure { border-left: 3px solid var(--accent); padding-left: .7rem; } .figure b { display: block; font-size: 1.35rem; }
        .scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
        th, td { text-align: left; padding: .35rem .7rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
        th { color: var(--soft); font-weight: 500; font-size: .88rem; } td.n, th.n { text-align: right; }
        tr:last-child td { border-bottom: 0; }
        .tag { display: inline-block; white-space: nowrap; border: 1px solid var(--line); border-radius: 1rem; padding: 0 .6rem; font-size: .85rem; margin: 0 .3rem .2rem 0; }
        .tag.good { border-color: var(--good); } .tag.bad { border-color: var(--bad); }
        a { color: var(--accent); } :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
        label { display: block; margin: .6rem 0 .2rem; }
        input { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--line); border-radius: .4rem;
          padding: .45rem .6rem; width: 100%; }
        button { font: inherit; margin-top: .8rem; padding: .45rem 1rem; border: 0; border-radius: .4rem; background: var(--accent);
          color: var(--card); cursor: pointer; }
        button.quiet { margin: 0; background: none; color: var(--soft); border: 1px solid var(--line); padding: .25rem .7rem; }
        .look-up { display: flex; gap: .6rem; align-items: end; flex-wrap: wrap; } .look-up div { flex: 1 1 16rem; }
        .look-up button { margin: 0; } ol.steps li { margin: .4rem 0; }
        svg.waterfall { width: 100%; height: auto; min-width: 34rem; } svg text { fill: currentColor; font-size: 13px; }
        svg .name { fill: var(--ink); } svg .value { fill: var(--soft); } svg .up { fill: var(--up); } svg .down { fill: var(--down); }
        .squares { white-space: nowrap; } .square { display: inline-block; width: 1.35rem; height: 1.35rem; line-height: 1.3rem; text-align: center;
          border: 1px solid var(--line); border-radius: .25rem; margin: 0 .15rem .15rem 0; font-size: .8rem; text-decoration: none;
          color: var(--soft); }
        .grid { width: auto; } .grid th, .grid td { padding: .15rem .3rem .15rem 0; border: 0; } .grid .square { margin: 0; }
        .state, .square { --state: var(--line); } .s-succeeded { --state: var(--good); } .s-running, .s-deferred, .s-retrying { --state: var(--accent); }
        .s-failed, .s-upstream_failed, .s-cancelled { --state: var(--bad); }
        .state.s-succeeded, .state.s-running, .state.s-failed, .square.s-succeeded, .square.s-running, .square.s-deferred, .square.s-retrying,
        .square.s-failed, .square.s-upstream_failed, .square.s-cancelled { color: var(--state); border-color: var(--state); }
        .actions button { margin-right: .4rem; }
        svg.graph { max-width: none; } svg .edge { fill: none; stroke: var(--soft); stroke-width: 1.2; }
        svg .node { fill: var(--paper); stroke: var(--state, var(--line)); stroke-width: 1.8; } svg .dashed { stroke-dasharray: 5 4; }
        svg .bar { fill: var(--state, var(--soft)); }
        svg .end { fill: var(--accent); } svg .link { stroke: var(--line); stroke-width: 1; }
        """

    static let script = """
        "use strict";
        (() => {
          const send = (method, path, body) => fetch(path, {
            method, credentials: "same-origin",
            headers: { "content-type": "application/json", "x-martlet": "1" },
            body: body === undefined ? undefined : JSON.stringify(body),
          });
          const say = (text) => {
            const place = document.getElementById("message");
            if (place) place.textContent = text;
          };
          const open = async (path, body) => {
            try {
              const answer = await send("POST", path, body);
              if (answer.ok) { location.replace("/"); return; }
              const problem = (await answer.json()).error || {};
              say([problem.message, problem.hint].filter(Boolean).join(" — "));
            } catch { say("The server did not answer."); }
          };

          const code = location.hash.startsWith("#setup=") ? decodeURIComponent(location.hash.slice(7)) : "";
          if (code) {
            history.replaceState(null, "", location.pathname);
            open("/api/v1/setup", { code });
          }

          document.addEventListener("submit", (event) => {
            if (event.target.id !== "sign-in") return;
            event.preventDefault();
            open("/api/v1/session", { token: event.target.elements.token.value.trim() });
          });
          document.addEventListener("click", async (event) => {
            if (event.target.id !== "sign-out") return;
            await send("DELETE", "/api/v1/session");
            location.replace("/");
          });

          document.addEventListener("click", async (event) => {
            const button = event.target.closest("button[data-post]");
            if (!button || (button.dataset.confirm && !confirm(button.dataset.confirm))) return;
            button.disabled = true;
            try {
              const answer = await send("POST", button.dataset.post, JSON.parse(button.dataset.body));
              if (answer.ok) { location.reload(); return; }
              const problem = (await answer.json()).error || {};
              say([problem.message, problem.hint].filter(Boolean).join(" — "));
            } catch { say("The server did not answer."); }
            button.disabled = false;
          });

          const refresh = async () => {
            const main = document.querySelector("main[data-live]");
            if (!main || document.hidden || main.contains(document.activeElement)) return;
            try {
              const answer = await fetch(location.pathname, { credentials: "same-origin" });
              if (!answer.ok) return;
              const next = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
              if (next) main.replaceWith(next);
            } catch { /* the server is away; the next round tries again */ }
          };
          if (document.querySelector("main[data-live]")) setInterval(refresh, 5000);
        })();
        """
}
