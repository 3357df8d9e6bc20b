extension PageAssets {
    /// Makes the pages live; they work without it, but for what is posted.
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
              const body = JSON.parse(button.dataset.body);
              if (button.dataset.labelOf) {
                const written = document.getElementById(button.dataset.labelOf).value.trim();
                body.label = button.dataset.labelType === "string" || written === "" || isNaN(written) ? written : Number(written);
              }
              const answer = await send("POST", button.dataset.post, body);
              if (answer.ok) { location.reload(); return; }
              const problem = (await answer.json()).error || {};
              say([problem.message, problem.hint].filter(Boolean).join(" — "));
            } catch { say("The server did not answer."); }
            button.disabled = false;
          });

          // What holds the focus, in words that find it again in what comes in its place.
          const held = (place) => {
            const active = document.activeElement;
            if (!active || !place.contains(active)) return null;
            if (active.id) return (next) => next.querySelector("#" + CSS.escape(active.id));
            const alike = (root) => [...root.querySelectorAll(active.tagName)];
            if (active.tagName === "SUMMARY") {
              const id = active.parentElement.id;
              return (next) => id ? next.querySelector("#" + CSS.escape(id) + " > summary") : null;
            }
            const name = active.dataset.post ? "data-post" : "href";
            const value = active.getAttribute(name);
            const number = alike(place).filter((one) => one.getAttribute(name) === value).indexOf(active);
            return (next) => alike(next).filter((one) => one.getAttribute(name) === value)[number] || null;
          };

          // Puts one part of the page in the place of its older self; what is open, held and scrolled stays so.
          const rates = new Map();
          const showRates = (root) => {
            for (const place of root.querySelectorAll("[data-rate]")) place.textContent = rates.get(place.dataset.rate) || "";
          };
          const renewPart = async (place) => {
            try {
              const answer = await fetch(place.dataset.fragment, { credentials: "same-origin" });
              if (!answer.ok) return;
              const next = new DOMParser().parseFromString(await answer.text(), "text/html").body.firstElementChild;
              // A greater part may have come in its place meanwhile.
              if (!next || !place.isConnected) return;
              for (const old of place.querySelectorAll("details[id]")) {
                const same = next.querySelector("#" + CSS.escape(old.id));
                if (same) same.open = old.open;
              }
              const focus = held(place);
              const scrolled = [...place.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
              showRates(next);
              place.replaceWith(next);
              next.querySelectorAll(".scroll").forEach((one, index) => { one.scrollLeft = scrolled[index] || 0; });
              const target = focus && focus(next);
              if (target) target.focus({ preventScroll: true });
            } catch { /* the server is away; the next change tries again */ }
          };

          const follow = (main) => {
            // Addresses of parts that are to be fetched anew, and when each was last; none more than once a second.
            const waiting = new Set();
            const done = new Map();
            let isBusy = false;
            const renew = async () => {
              if (isBusy || waiting.size === 0 || document.hidden) return;
              isBusy = true;
              for (const place of [...document.querySelectorAll("[data-fragment]")]) {
                const address = place.dataset.fragment;
                const every = 1000 * Number(place.dataset.every || 1);
                if (!waiting.has(address) || performance.now() - (done.get(address) ?? -every) < every) continue;
                waiting.delete(address);
                done.set(address, performance.now());
                await renewPart(place);
              }
              const shown = [...document.querySelectorAll("[data-fragment]")].map((place) => place.dataset.fragment);
              for (const address of [...waiting, ...done.keys()]) {
                if (!shown.includes(address)) { waiting.delete(address); done.delete(address); }
              }
              setTimeout(() => { isBusy = false; renew(); }, 1000);
            };
            document.addEventListener("visibilitychange", renew);
            const source = new EventSource("/api/v1/loop-events?after=" + encodeURIComponent(main.dataset.loop));
            source.onmessage = (event) => {
              const told = JSON.parse(event.data);
              for (const one of told.predictions) rates.set(one.endpoint, one.per_second > 0 ? one.per_second + " a second now" : "");
              showRates(document);
              for (const place of document.querySelectorAll("[data-fragment]")) {
                if (place.dataset.on.split(" ").some((part) => told.changed.includes(part))) waiting.add(place.dataset.fragment);
              }
              renew();
            };
          };
          const loop = document.querySelector("main[data-loop]");
          if (loop) follow(loop);

          // Reviews: whoever looks at a decision holds it, and a key does what the button or link beside it does.
          const claimed = document.querySelector("[data-claim]");
          if (claimed) {
            send("POST", claimed.dataset.claim, {}).then(async (answer) => {
              if (!answer.ok) say(((await answer.json()).error || {}).message || "It cannot be held.");
            }).catch(() => say("The server did not answer."));
          }
          document.addEventListener("keydown", (event) => {
            if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
            const place = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
            if (!place || place.disabled) return;
            event.preventDefault();
            place.click();
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
