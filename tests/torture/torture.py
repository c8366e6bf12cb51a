#!/usr/bin/env python3
"""Kills `specula run` at random moments of every phase, resumes it, and compares with a run that was left alone:

    torture.py SPECULA [--kills N] [--seed S]

Phases: start (before the first record), timing, fenced, summary (every record is there, the process is not done) and resume
(a process that found a begun run).  Each is killed N times (SIGKILL, 50 by default).  At the end of each run the records must be
those of the undisturbed one (texts and rounds; times differ), none twice, and all derived files must be there.  Then, where a
small file system can be mounted (root): a disk that fills up and is made larger, and one that is read-only.

Exit status: 0 all is well, 1 something was lost.  Licence: Apache-2.0."""
import argparse
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
STUDY = """include = ["{source}/configs/base/demo.toml"]
[experiment]
name = "torture"
seed = 3
[data]
limit = 5
max_new_tokens = 16
[sampler]
temperature = 1.0
[measure]
warmup_prompts = 1
repetitions = 2
trace_limit = 3
bootstrap = 200
threads = 1
[[arm]]
name = "ar"
drafter = "none"
baseline = true
[[arm]]
name = "sps"
drafter = {{ name = "draft_model", model = "draft", length = 3 }}
"""
TIMING, FENCED = 5 * 2 * 2, 3 * 2  # records
DERIVED = ("summary.json", "summary.csv", "speculation_profile.json", "table.md", "report.html", "DONE")


class Torture:
    def __init__(self, program, folder, seed):
        self.program, self.folder, self.random = program, folder, random.Random(seed)
        self.study = folder / "study.toml"
        self.study.write_text(STUDY.format(source=SOURCE))
        self.problems = []

    def start(self, out):
        with open(self.folder / "stderr", "w", encoding="utf-8") as errors:
            return subprocess.Popen([self.program, "run", str(self.study), "--out", str(out)], stdout=subprocess.DEVNULL, stderr=errors)

    def errors(self):
        return (self.folder / "stderr").read_text(encoding="utf-8", errors="replace")

    @staticmethod
    def cell(out):
        cells = [m.parent for m in pathlib.Path(out).glob("torture/*/manifest.json")]
        return cells[0] if cells else None

    def lines(self, out):
        cell = self.cell(out)
        return sum(f.read_bytes().count(b"\n") for f in cell.glob("records/*.jsonl")) if cell else 0

    def records(self, out):
        """What must not change, by the key of the record."""
        found = {}
        for file in self.cell(out).glob("records/*.jsonl"):
            for line in file.read_bytes().split(b"\n"):
                try:
                    r = json.loads(line)
                except ValueError:
                    continue  # a torn line, or the end of the file
                if r.get("k") not in ("rec", "trace"):
                    continue
                key = (r["k"], r["arm"], r["prompt"], r["turn"], r["rep"], r.get("trace", False))
                if key in found:
                    self.problems.append(f"{out}: the record {key} is there twice")
                found[key] = (r["status"], r["out_ids"], r["drafted"], r["accepted"], r["kept"])
        return found

    def check(self, out, whole, what):
        if self.records(out) != whole:
            self.problems.append(f"{what}: records differ from those of the undisturbed run")
        for name in DERIVED:
            if not (self.cell(out) / name).exists():
                self.problems.append(f"{what}: {name} is missing")
        leftovers = [p.name for p in self.cell(out).rglob("*.tmp*")]
        if leftovers:
            self.problems.append(f"{what}: {leftovers} was left behind")

    def wait_for_lines(self, process, out, count):
        while process.poll() is None and self.lines(out) < count:
            time.sleep(0.001)

    def kill_once(self, phase, out, start_s, summary_s):
        """One process, killed in the phase.  False: it ended before."""
        before = self.lines(out)
        process = self.start(out)
        if phase in ("start", "resume"):
            time.sleep(self.random.uniform(0, start_s))
        elif phase == "timing":
            self.wait_for_lines(process, out, min(before + self.random.randint(1, 3), TIMING - 1))
            time.sleep(self.random.uniform(0, 0.02))
        elif phase == "fenced":
            self.wait_for_lines(process, out, max(TIMING, before) + self.random.randint(0, 2))
            time.sleep(self.random.uniform(0, 0.02))
        else:
            self.wait_for_lines(process, out, TIMING + FENCED)
            time.sleep(self.random.uniform(0, summary_s))
        process.send_signal(signal.SIGKILL)
        code = process.wait()
        if code not in (0, -signal.SIGKILL):
            self.problems.append(f"{phase}: exit status {code}: {self.errors()[-500:]}")
        return code == -signal.SIGKILL

    def finish(self, out, what):
        code = self.start(out).wait()
        if code != 0:
            self.problems.append(f"{what}: the resumed run ends with {code}: {self.errors()[-500:]}")

    def phase(self, phase, kills, whole, start_s, summary_s):
        killed = runs = 0
        while killed < kills and not self.problems:
            out = self.folder / f"{phase}{runs}"
            runs += 1
            if phase == "resume":  # something to go on with
                killed_first = self.kill_once("timing", out, start_s, summary_s)
                if not killed_first:
                    continue
            alive = True
            while alive and killed < kills and not self.problems:
                alive = self.kill_once(phase, out, start_s, summary_s)
                killed += 1 if alive else 0
                if phase in ("start", "resume", "summary") and self.random.random() < 0.2:
                    break  # finish this one, begin another
                alive = alive and not (self.cell(out) and (self.cell(out) / "DONE").exists())
            self.finish(out, f"{phase}, run {runs}")
            self.check(out, whole, f"{phase}, run {runs}")
            shutil.rmtree(out)
        print(f"{phase}: killed {killed} times in {runs} runs", flush=True)

    def mounted(self, size, action):
        """Calls action(folder) on a file system of its own; False where it cannot be mounted."""
        disk = self.folder / "disk"
        disk.mkdir(exist_ok=True)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], stderr=subprocess.DEVNULL, check=False).returncode != 0:
            return False
        try:
            action(disk)
        finally:
            subprocess.run(["umount", "-l", str(disk)], check=True)
        return True

    def disk_full(self, whole):
        def action(disk):
            code = self.start(disk).wait()
            if code != 1 or "No space left" not in self.errors():
                self.problems.append(f"full disk: exit status {code}, expected 1 and the reason: {self.errors()[-500:]}")
            subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
            self.finish(disk, "full disk")
            self.check(disk, whole, "full disk")

        return self.mounted("44k", action)

    def read_only(self):
        def action(disk):
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
            code = self.start(disk).wait()
            if code not in (1, 2) or "Read-only file system" not in self.errors():
                self.problems.append(f"read-only: exit status {code}, expected 1 or 2 and the reason: {self.errors()[-500:]}")

        return self.mounted("1m", action)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("program")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="specula_torture_") as folder:
        torture = Torture(args.program, pathlib.Path(folder), args.seed)
        begun = time.monotonic()
        process = torture.start(pathlib.Path(folder) / "whole")
        torture.wait_for_lines(process, pathlib.Path(folder) / "whole", 1)
        start_s = time.monotonic() - begun
        torture.wait_for_lines(process, pathlib.Path(folder) / "whole", TIMING + FENCED)
        summing = time.monotonic()
        if process.wait() != 0:
            print(torture.errors(), file=sys.stderr)
            return 1
        summary_s = time.monotonic() - summing
        whole = torture.records(pathlib.Path(folder) / "whole")
        if len(whole) != TIMING + FENCED:
            print(f"the undisturbed run has {len(whole)} records, expected {TIMING + FENCED}", file=sys.stderr)
            return 1
        print(f"undisturbed: {len(whole)} records, first after {start_s:.2f} s, summary {summary_s:.2f} s", flush=True)
        for phase in ("start", "timing", "fenced", "summary", "resume"):
            torture.phase(phase, args.kills, whole, start_s, summary_s)
        for name, done in (("full disk", torture.disk_full(whole)), ("read-only disk", torture.read_only())):
            print(f"{name}: {'tried' if done else 'NOT TRIED, a file system cannot be mounted here'}", flush=True)
        for problem in torture.problems:
            print(problem, file=sys.stderr)
        return 1 if torture.problems else 0


if __name__ == "__main__":
    sys.exit(main())
