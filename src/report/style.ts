/** The report's style: light or dark as its reader has it, six line colours that stay apart for colour-blind eyes, print. */

const LINES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9"];

/** CSS. */
export const STYLE = `
:root{color-scheme:light dark;--ink:#1c2126;--soft:#5d6874;--line:#dde2e7;--paper:#fff;--tile:#f4f6f8;--shade:#f5d9c8}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ec;--soft:#9aa5b1;--line:#343c44;--paper:#15191d;--tile:#1f252b;--shade:#4d3426}}
body{font:15px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;color:var(--ink);background:var(--paper)}
h1{font-size:1.7rem;margin:0}h2{font-size:1.15rem;margin:2.2rem 0 .5rem}h3{font-size:1rem;margin:1rem 0 .2rem}
header p,.none,p,summary{color:var(--soft);margin:.3rem 0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.6rem;margin:1.2rem 0}
.tile{background:var(--tile);border-radius:.5rem;padding:.7rem .8rem}
.tile b{display:block;font-size:1.35rem;font-variant-numeric:tabular-nums}.tile span{color:var(--soft);font-size:.82rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.9rem}
th,td{padding:.25rem .6rem;border-bottom:1px solid var(--line);text-align:right}th{font-weight:600;color:var(--soft)}
td:first-child,th:first-child,.words td,.words th{text-align:left}.words td{vertical-align:top}
figure{margin:.8rem 0}svg{width:100%;height:auto;display:block}svg text{font-size:11px;fill:var(--soft)}
.grid{stroke:var(--line)}.line{fill:none;stroke-width:1.6;stroke-linejoin:round}.shade{fill:var(--shade)}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1rem;font-size:.85rem}.key::before{content:"";display:inline-block;width:1em;height:.25em;margin-right:.4em;vertical-align:middle;background:var(--c)}
.bar{display:inline-block;height:.7em;background:${LINES[0]};border-radius:2px}
${LINES.map((color, i) => `.line.k${i}{stroke:${color}}.dot.k${i}{fill:${color}}.key.k${i}{--c:${color}}`).join("")}
@media print{body{margin:0;max-width:none}section{break-inside:avoid}}
`;
