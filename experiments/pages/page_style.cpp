// The style sheet.  Colours are those of Okabe and Ito (2008), darkened or lightened until text and marks stand out
// from either background; no meaning is told by colour alone.
#include "experiments/pages/page_parts.h"

namespace specula {

const char* page_style() {
  return R"css(
:root { --back: #f6f7f9; --card: #ffffff; --ink: #18202b; --soft: #515d6c; --edge: #dce1e8; --grid: #e8ebf0;
  --a: #0068a8; --b: #b04800; --c: #5d6875; --good: #00684a; --bad: #a32f00; --link: #0059a3; --warn: #fff5dc; --warn-edge: #c98a00; }
@media (prefers-color-scheme: dark) {
  :root { --back: #0f1319; --card: #171c24; --ink: #e7ebf1; --soft: #a7b1be; --edge: #2d3642; --grid: #262e39;
    --a: #63b6f1; --b: #ff9f5a; --c: #a2adba; --good: #4fd0a2; --bad: #ff9470; --link: #7cc0f7; --warn: #2b2413; --warn-edge: #b98a2a; }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body { margin: 0; background: var(--back); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", Arial, sans-serif; }
header, main, footer { max-width: 1184px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 28px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 20px; margin: 28px 0 10px; padding-top: 6px; }
h3 { font-size: 15px; margin: 0 0 4px; }
h4 { font-size: 13px; margin: 0; overflow-wrap: anywhere; }
p { margin: 6px 0; }
a { color: var(--link); }
.meta, .note, .missing, figcaption { color: var(--soft); font-size: 13px; overflow-wrap: anywhere; }
.note { margin: 4px 0 0; }
.verdict { font-size: 19px; line-height: 1.45; font-weight: 600; margin: 18px 0; max-width: 62em; overflow-wrap: anywhere; }
nav { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 14px 0 4px; font-size: 14px; }
figure, .block, .card { background: var(--card); border: 1px solid var(--edge); border-radius: 8px; margin: 0 0 16px; padding: 14px 16px; }
figcaption { margin-bottom: 8px; max-width: 78em; }
.missing { margin: 10px 0 0; }
.warnings { background: var(--warn); border: 1px solid var(--warn-edge); border-left-width: 5px; border-radius: 8px; padding: 8px 16px; margin: 12px 0 16px; }
.warnings ul { margin: 4px 0; padding-left: 20px; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 7px; text-align: left; vertical-align: top; border-bottom: 1px solid var(--edge); }
thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 600; }
.arm { display: inline-block; width: max-content; max-width: 15em; overflow-wrap: anywhere; }
tbody tr:hover { background: var(--grid); }
tbody tr:last-child > * { border-bottom: 0; }
.wrap td { min-width: 6em; overflow-wrap: anywhere; }
.num { text-align: right; }
td.num, .faster, .slower { white-space: nowrap; }
.faster { color: var(--good); font-weight: 600; }
.slower { color: var(--bad); font-weight: 600; }
th button { all: unset; cursor: pointer; }
th button:focus-visible { outline: 2px solid var(--a); outline-offset: 2px; }
th[aria-sort=ascending] button::after { content: " ▲"; }
th[aria-sort=descending] button::after { content: " ▼"; }
pre { background: var(--back); border: 1px solid var(--edge); border-radius: 6px; padding: 10px 12px; overflow-x: auto; font-size: 13px; }
dl { display: grid; grid-template-columns: minmax(9em, max-content) 1fr; gap: 6px 18px; font-size: 13px; margin: 0; }
dt { font-weight: 600; overflow-wrap: anywhere; }
dd { margin: 0; overflow-wrap: anywhere; }
summary { cursor: pointer; font-weight: 600; }
details[open] > summary { margin-bottom: 10px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; list-style: none; margin: 0 0 10px; padding: 0; font-size: 13px; }
.legend li { display: flex; align-items: center; gap: 6px; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(256px, 100%), 1fr)); gap: 18px 16px; }
.panels.wide { grid-template-columns: repeat(auto-fill, minmax(min(520px, 100%), 1fr)); }
.panels.one { display: block; }
.panel { min-width: 0; }
svg { display: block; }
svg text { font: 12px system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", Arial, sans-serif; fill: var(--ink); }
svg .tick, svg .name, svg .muted { fill: var(--soft); }
svg .on-bar { fill: #111111; }
svg path { fill: none; }
.grid { stroke: var(--grid); }
.axis { stroke: var(--c); }
.unity { stroke: var(--c); stroke-width: 1.5; stroke-dasharray: 5 4; }
.mean { stroke: var(--b); stroke-width: 2; stroke-dasharray: 5 4; }
.interval { stroke: var(--a); stroke-width: 1.5; }
.measured { fill: var(--a); stroke: var(--a); }
svg path.modelled { fill: var(--card); stroke: var(--b); stroke-width: 1.75; }
.line { stroke-width: 2; }
.line.a { stroke: var(--a); } .line.b { stroke: var(--b); } .line.c { stroke: var(--c); }
.dashed { stroke-dasharray: 6 4; }
.dotted { stroke-dasharray: 1 4; stroke-linecap: round; stroke-width: 2.5; }
.dot.a { fill: var(--a); } .dot.b { fill: var(--card); stroke: var(--b); stroke-width: 1.75; }
.bar { fill: var(--a); }
.point { fill: var(--a); fill-opacity: .55; stroke: var(--a); stroke-width: .75; }
.phase { stroke: var(--card); stroke-width: 1; }
.phase.prefill { fill: #c3c9d2; } .phase.draft { fill: #e69f00; } .phase.target { fill: #56b4e9; } .phase.verify { fill: #37b98d; }
.phase.commit { fill: #f0e442; } .phase.observe { fill: #d98cb8; } .phase.other { fill: #8f99a6; }
footer { color: var(--soft); font-size: 13px; padding-top: 24px; padding-bottom: 40px; }
@media (max-width: 600px) { header, main, footer { padding-left: 14px; padding-right: 14px; } figure, .block, .card { padding: 12px; } dl { grid-template-columns: 1fr; gap: 2px; } dd { margin-bottom: 8px; } }
@media print {
  :root { --back: #ffffff; --card: #ffffff; --ink: #000000; --soft: #444444; --edge: #bbbbbb; --grid: #dddddd; --a: #0068a8; --b: #b04800; --c: #5d6875; --good: #00684a; --bad: #a32f00; --link: #0059a3; --warn: #fff5dc; --warn-edge: #c98a00; }
  nav { display: none; }
  .panel, tr, .warnings { break-inside: avoid; }
  h2, h3, h4, figcaption, .legend { break-after: avoid; }
  .scroll { overflow: visible; }
  svg { max-width: 100%; height: auto; }
  body { font-size: 11px; }
  table { font-size: 9px; }
  th, td { padding: 2px 4px; white-space: normal; }
}
)css";
}

}  // namespace specula
