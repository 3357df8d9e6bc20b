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
        tbody tr:last-child > * { border-bottom: 0; }
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
        .stack { display: grid; gap: 1.2rem; min-width: 0; } h3 { font-size: .95rem; margin: 1rem 0 .4rem; } h4 { font-size: .9rem; margin: .8rem 0 .3rem; }
        .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 1rem 1.6rem; }
        figure { margin: 0; min-width: 0; } figcaption { font-weight: 600; font-size: .92rem; margin-bottom: .2rem; }
        svg.chart, svg.interval { display: block; width: 100%; height: auto; color: var(--accent); } svg.interval { max-width: 26rem; }
        svg.chart text, svg.interval text { font-size: 11px; } svg .tick { fill: var(--soft); } svg .grid { stroke: var(--line); stroke-width: 1; }
        svg .line { fill: none; stroke: var(--series); stroke-width: 1.8; stroke-linejoin: round; } svg .point { fill: var(--series); }
        svg .band { fill: var(--series); fill-opacity: .16; stroke: var(--series); stroke-opacity: .45; stroke-width: .6; stroke-dasharray: 2 2; }
        svg .l0 { --series: var(--accent); } svg .l1 { --series: var(--up); } svg .l2 { --series: var(--good); } svg .l3 { --series: var(--soft); }
        svg .line.l1 { stroke-dasharray: 7 3; } svg .line.l2 { stroke-dasharray: 2 2.5; } svg .line.l3 { stroke-dasharray: 8 3 2 3; }
        svg .bound { stroke: var(--bad); stroke-width: 1.2; stroke-dasharray: 4 4; } svg .bound-name { fill: var(--bad); paint-order: stroke; stroke: var(--card); stroke-width: 3px; }
        svg .mark { stroke: var(--ink); stroke-width: 1.2; } svg .mark-sign { fill: var(--ink); } svg .mark-number { fill: var(--card); font-weight: 700; }
        svg .part { stroke: currentColor; stroke-width: .5; } svg .whisker { stroke: var(--ink); stroke-width: 2; }
        ul.attention, ol.timeline, ol.steps-line, ul.rails { list-style: none; margin: .4rem 0; padding: 0; } ul.attention li, ol.timeline li { padding: .45rem 0; }
        ul.attention li + li { border-top: 1px solid var(--line); } ul.attention button { margin-left: .4rem; }
        ol.timeline { border-left: 2px solid var(--line); padding-left: .9rem; margin-left: .3rem; }
        ol.steps-line { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; } ol.steps-line [aria-current] { font-weight: 650; }
        details { margin: .3rem 0; } summary { cursor: pointer; color: var(--soft); font-size: .9rem; }
        details.rollout { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .8rem; }
        details.rollout > summary { color: var(--ink); font-size: 1rem; font-weight: 550; }
        blockquote { margin: .4rem 0; padding-left: .8rem; border-left: 3px solid var(--accent); } .rate { color: var(--soft); }
        kbd { font: .8em ui-monospace, Menlo, Consolas, monospace; border: 1px solid currentColor; border-radius: .25rem; padding: 0 .3rem; opacity: .8; }
        .verdict { display: flex; flex-wrap: wrap; gap: .7rem; align-items: center; } .verdict button { margin: 0; min-width: 5rem; }
        .verdict .button { padding: .45rem 1rem; }
        @media (max-width: 40rem) { main { padding: .6rem; gap: .8rem; } section { padding: .8rem; } header { padding: .6rem; gap: .6rem; flex-wrap: wrap; }
          svg.chart text { font-size: 13px; } }
        @media print { header, button, .skip { display: none; } }
        """
}
