// The script: tables are sorted by a click on a heading.
#include "experiments/pages/page_parts.h"

namespace specula {

const char* page_script() {
  return R"js("use strict";
(() => {
  const number = (text) => {
    const found = text.replace("–", "").match(/^[^0-9.-]*(-?[0-9.]+)/);
    return found ? parseFloat(found[1]) : NaN;
  };
  const compare = (a, b, numeric) => {
    if (!numeric) return a.localeCompare(b);
    const [x, y] = [number(a), number(b)];
    return (isNaN(x) ? -Infinity : x) - (isNaN(y) ? -Infinity : y);
  };
  const sort = (heading, column) => {
    const body = heading.closest("table").tBodies[0];
    const numeric = heading.classList.contains("num");
    const first = numeric ? "descending" : "ascending";
    const next = heading.getAttribute("aria-sort") === first ? (numeric ? "ascending" : "descending") : first;
    for (const other of heading.parentNode.children) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", next);
    const sign = next === "ascending" ? 1 : -1;
    const rows = [...body.rows].map((row) => ({ row, text: row.cells[column].textContent }));
    rows.sort((a, b) => sign * compare(a.text, b.text, numeric));
    body.append(...rows.map((r) => r.row));
  };
  for (const head of document.querySelectorAll("thead tr")) {
    [...head.children].forEach((heading, column) => {
      const button = document.createElement("button");
      button.append(...heading.childNodes);
      button.title = "sort";
      button.addEventListener("click", () => sort(heading, column));
      heading.append(button);
    });
  }
})();
)js";
}

}  // namespace specula
