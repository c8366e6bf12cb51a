#!/usr/bin/env python3
"""Opens report pages in headless Chromium and measures what a reader would see: check_page.py PAGE|FOLDER...

Nothing may be written to the console, the page may not be wider than its window at 1200 and at 480 pixels, the texts of a
drawing may not overlap, every text must stand out from what is behind it (4.5 : 1, WCAG 2 AA) in light and in dark, and a
click on a heading must sort its table.  The DevTools protocol is spoken over the pipe, with nothing but Python's library.
Exit status 77: there is no browser.  Licence: Apache-2.0."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Runs in the page; returns a list of complaints.
MEASURE = r"""
(() => {
  const problems = [];
  const channel = (c) => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const parse = (text) => { const m = (text.match(/[\d.]+/g) || []).map(Number); return m.length < 3 ? null : { rgb: m.slice(0, 3), alpha: m.length > 3 ? m[3] : 1 }; };
  const light = (rgb) => 0.2126 * channel(rgb[0]) + 0.7152 * channel(rgb[1]) + 0.0722 * channel(rgb[2]);
  const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const background = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour && colour.alpha === 1) return colour.rgb;
    }
    return [255, 255, 255];
  };
  const name = (e) => `'${e.textContent.trim().slice(0, 50)}' in ${(e.closest("figure, .block, section, header") || document.body).id || "the page"}`;
  document.querySelectorAll("details").forEach((d) => { d.open = true; });
  if (document.documentElement.scrollWidth > window.innerWidth)
    problems.push(`the page is ${document.documentElement.scrollWidth} wide in a window of ${window.innerWidth}`);

  for (const svg of document.querySelectorAll("svg")) {
    const texts = [...svg.querySelectorAll("text")].map((e) => ({ e, box: e.getBoundingClientRect() }));
    const outer = svg.getBoundingClientRect();
    texts.forEach(({ e, box }, i) => {
      if (box.left < outer.left - 0.5 || box.right > outer.right + 0.5 || box.top < outer.top - 2 || box.bottom > outer.bottom + 2)
        problems.push(`a text leaves its drawing: ${name(e)}`);
      for (const other of texts.slice(i + 1)) {
        const over = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left) > 0.5 &&
                     Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top) > 3;  // a line's own spacing
        if (over) problems.push(`texts overlap: ${name(e)} and ${name(other.e)}`);
      }
    });
    const bars = [...svg.querySelectorAll("rect")].map((e) => ({ e, box: e.getBoundingClientRect() }));
    for (const { e, box } of texts) {
      const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
      const under = bars.filter((b) => b.box.left <= x && x <= b.box.right && b.box.top <= y && y <= b.box.bottom).pop();
      const behind = under ? parse(getComputedStyle(under.e).fill).rgb : background(svg);
      const ratio = contrast(parse(getComputedStyle(e).fill).rgb, behind);
      if (ratio < 4.5) problems.push(`contrast ${ratio.toFixed(2)}: ${name(e)}`);
    }
  }
  for (const e of document.querySelectorAll("body *:not(svg, svg *, script, style)")) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
    const ratio = contrast(parse(getComputedStyle(e).color).rgb, background(e));
    if (ratio < 4.5) problems.push(`contrast ${ratio.toFixed(2)}: ${name(e)}`);
  }
  return [...new Set(problems)];
})()
"""

SORT = r"""
(() => {
  const heading = document.querySelector("thead th.num button");
  if (!heading) return "no heading can be clicked";
  const cell = heading.closest("th"), table = heading.closest("table");
  const column = [...cell.parentNode.children].indexOf(cell);
  const values = () => [...table.tBodies[0].rows].map((r) => parseFloat(r.cells[column].textContent)).filter((v) => !isNaN(v));
  heading.click();
  const down = values().every((v, i, all) => i === 0 || all[i - 1] >= v);
  heading.click();
  const up = values().every((v, i, all) => i === 0 || all[i - 1] <= v);
  return down && up && cell.getAttribute("aria-sort") === "ascending" ? "" : "a click on a heading does not sort";
})()
"""


class Browser:
    """Chromium behind its pipe: messages are JSON, each with a zero byte at its end."""

    def __init__(self, program, profile):
        theirs_in, self.to = os.pipe()
        self.back, theirs_out = os.pipe()

        def connect():  # the protocol's fixed descriptors
            a, b = os.dup(theirs_in), os.dup(theirs_out)
            os.dup2(a, 3)
            os.dup2(b, 4)

        arguments = [program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions",
                     "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"]
        self.process = subprocess.Popen(arguments, preexec_fn=connect, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs_in)
        os.close(theirs_out)
        self.buffer, self.count, self.events, self.session = b"", 0, [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def message(self):
        while b"\0" not in self.buffer:
            part = os.read(self.back, 1 << 16)
            if not part:
                raise RuntimeError("the browser ended")
            self.buffer += part
        line, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(line)

    def call(self, method, **parameters):
        self.count += 1
        request = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.to, json.dumps(request).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, method):
        while not any(e.get("method") == method for e in self.events):
            self.events.append(self.message())

    def evaluate(self, script):
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"].get("description", "a script failed"))
        return answer["result"]["value"]

    def close(self):
        self.process.terminate()
        self.process.wait()


def console(events):
    """What the page said or asked for, beside itself."""
    for event in events:
        method, p = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            yield "a script failed: " + p["exceptionDetails"].get("exception", {}).get("description", "")
        elif method == "Runtime.consoleAPICalled":
            yield f"the console got {p['type']}"
        elif method == "Log.entryAdded":
            yield "the log got: " + p["entry"]["text"]
        elif method == "Network.requestWillBeSent" and not p["request"]["url"].startswith(("file:", "data:")):
            yield "the page asked for " + p["request"]["url"]


def check(browser, page):
    problems = []
    for width in (1200, 480):
        for scheme in ("light", "dark"):
            browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
            browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            browser.events.clear()
            browser.call("Page.navigate", url=page.resolve().as_uri())
            browser.wait_for("Page.loadEventFired")
            found = browser.evaluate(MEASURE) + [p for p in [browser.evaluate(SORT)] if p]
            problems += [f"{page} ({width} px, {scheme}): {p}" for p in found + list(console(browser.events))]
    return problems


def main():
    pages = [page for p in map(pathlib.Path, sys.argv[1:]) for page in (sorted(p.glob("*.html")) if p.is_dir() else [p])]
    if not pages:
        sys.exit(__doc__)
    program = next((p for p in map(shutil.which, BROWSERS) if p), None)
    if not program:
        print("no browser: none of " + ", ".join(BROWSERS))
        sys.exit(77)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(program, profile)
        try:
            problems = [p for page in pages for p in check(browser, page)]
        finally:
            browser.close()
    for problem in problems[:40]:
        print(problem)
    print(f"{len(pages)} pages, {len(problems)} problems")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
