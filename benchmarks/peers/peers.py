#!/usr/bin/env python3
"""Measures Specula, transformers and llama.cpp on the same Llama checkpoint, taking turns on the same machine.

    python3 benchmarks/peers/peers.py /tmp/model24m-bf16 --contexts 64,1024 --rounds 7

First the logits of a short text are compared: engines that compute something else are not measured.  Then, in every round,
each engine in turn times passes of 1, 5 and 8 rows over a cached text.  The table holds medians over the rounds, and the ratios
are medians of the rounds' own ratios.  README.md beside this file says how to set it up.  Licence: Apache-2.0.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
PARITY_TOKENS = 12
# Largest difference of a logit over the range of the logits, against transformers in the checkpoint's own format.  Wrong
# weights give about 1.
PARITY_LIMITS = {"F32": 0.01, "BF16": 0.05, "Q8_0": 0.1}


class Worker:
    """An engine in a process of its own: loaded once, idle between its turns."""

    def __init__(self, label, engine, settings, limit):
        self.label, self.limit = label, limit
        environment = dict(os.environ, OMP_NUM_THREADS=str(settings["threads"]))
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "workers.py"), engine, json.dumps(settings)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"error: {self.label} stopped with status {self.process.wait()}; its text is above")
        return json.loads(line)

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.answer()

    def measure(self):
        return self.ask("measure"), None

    def logits(self, tokens, file):
        self.ask(f"logits {','.join(map(str, tokens))} {file}")
        return np.load(file)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Specula:
    """The program, run anew in each turn; its own output holds the median of the turn."""

    def __init__(self, label, args, dtype, limit):
        self.label, self.args, self.dtype, self.limit = label, args, dtype, limit

    def run(self, *words):
        command = [self.args.specula, *words, "--model", self.args.folder, "--dtype", self.dtype, "--threads", str(self.args.threads)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"error: {' '.join(command)} ended with status {done.returncode}")
        return done.stdout

    def measure(self):
        result = json.loads(self.run(
            "bench", "forward", "--format", "json", "--rows", ",".join(map(str, self.args.rows)),
            "--context", ",".join(map(str, self.args.contexts)), "--repeats", str(self.args.repeats)))
        times = {f"{row['context']} {row['rows']}": [row["ms"]] for row in result["rows"]}
        return times, result["stream_gb_s"]

    def logits(self, tokens, file):
        self.run("score", "--ids", ",".join(map(str, tokens)), "--logits", file)
        return np.load(file)

    def close(self):
        pass


def numbers(text):
    return [int(word) for word in text.split(",")]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="Llama checkpoint, fp32 or bf16")
    parser.add_argument("--specula", default=str(HERE.parent.parent / "build/release/specula"), help="the program")
    parser.add_argument("--dtypes", default="auto,int8", help="Specula's formats, each measured (default: auto,int8)")
    parser.add_argument("--engines", default="specula,transformers,llama.cpp", help="which take part")
    parser.add_argument("--contexts", type=numbers, default=[64, 1024], help="cached tokens (default: 64,1024)")
    parser.add_argument("--rows", type=numbers, default=[1, 5, 8], help="rows of a pass; ratios refer to the first")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each engine (default: 5)")
    parser.add_argument("--repeats", type=int, default=5, help="passes of each kind in a turn (default: 5)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--gguf", default=str(pathlib.Path(tempfile.gettempdir()) / "specula-peers"), help="folder of converted files")
    parser.add_argument("--output", help="writes every sample there, as JSON")
    return parser.parse_args()


def gguf_file(args, kind):
    """The checkpoint as GGUF, converted unless a newer file is there."""
    folder = pathlib.Path(args.folder)
    target = pathlib.Path(args.gguf) / f"{folder.name}-{kind}.gguf"
    newest = max(path.stat().st_mtime for path in folder.iterdir())
    if not target.exists() or target.stat().st_mtime < newest:
        target.parent.mkdir(parents=True, exist_ok=True)
        print(f"converting to {target}", file=sys.stderr)
        command = [sys.executable, str(HERE / "to_gguf.py"), args.folder, str(target), "--type", kind]
        if subprocess.run(command, check=False).returncode != 0:
            raise SystemExit(f"error: {' '.join(command)} failed")
    return str(target)


def start_engines(args, kind):
    """`kind` of the checkpoint, F32 or BF16: what each engine decodes in, beside 8 bits."""
    settings = {"folder": args.folder, "contexts": args.contexts, "rows": args.rows, "repeats": args.repeats, "threads": args.threads}
    wanted = args.engines.split(",")
    engines = []
    if "transformers" in wanted:
        engines.append(Worker(f"transformers {kind}", "transformers", settings, PARITY_LIMITS[kind]))
    if "llama.cpp" in wanted:
        for weights in (kind, "Q8_0"):
            engines.append(Worker(f"llama.cpp {weights}", "llama.cpp", settings | {"gguf": gguf_file(args, weights)}, PARITY_LIMITS[weights]))
    if "specula" in wanted:
        for dtype in args.dtypes.split(","):
            limit = PARITY_LIMITS[kind] if dtype in ("auto", "fp32", "bf16") else None  # quality of the others: a report of its own
            engines.append(Specula(f"specula {kind if dtype == 'auto' else dtype}", args, dtype, limit))
    return engines


def check_parity(engines, vocab):
    tokens = [(1 + 7919 * i) % vocab for i in range(PARITY_TOKENS)]
    with tempfile.TemporaryDirectory() as folder:
        logits = {engine.label: engine.logits(tokens, f"{folder}/{i}.npy") for i, engine in enumerate(engines)}
    reference = next(iter(logits.values()))
    span = float(reference.max() - reference.min())
    print(f"largest difference of a logit over their range, against {engines[0].label}, {PARITY_TOKENS} tokens:")
    failed = []
    for engine in engines[1:]:
        difference = float(np.abs(logits[engine.label] - reference).max()) / span
        print(f"  {engine.label:20} {difference:.6f}")
        if engine.limit is not None and not difference <= engine.limit:
            failed.append(f"{engine.label} ({difference:.3f}, limit {engine.limit})")
    if failed:
        raise SystemExit("error: not the same model: " + ", ".join(failed))


def spread(samples):
    if len(samples) < 2:
        return f"{samples[0]:.3f}"
    low, middle, high = statistics.quantiles(samples, n=4, method="inclusive")
    return f"{middle:.3f} ({low:.3f}-{high:.3f})"


def print_table(args, rounds, streams):
    """`rounds` [round][label][key] are the median milliseconds of an engine's turn."""
    first, *others = args.rows
    head = ["engine", "context"] + [f"T({rows}) ms" for rows in args.rows] + [f"T({rows})/T({first})" for rows in others]
    lines = [head]
    for context in args.contexts:
        for label in rounds[0]:
            times = {rows: [turn[label][f"{context} {rows}"] for turn in rounds] for rows in args.rows}
            line = [label, str(context)] + [spread(times[rows]) for rows in args.rows]
            for rows in others:
                line.append(spread([several / one for several, one in zip(times[rows], times[first])]))
            lines.append(line)
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    print(f"\n{args.folder}, {args.threads} threads, {len(rounds)} rounds, median (quartiles); load average {os.getloadavg()[0]:.2f}")
    if streams:
        print(f"stream {spread(streams)} GB/s, as Specula reads it")
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def main():
    args = parse_arguments()
    config = json.loads((pathlib.Path(args.folder) / "config.json").read_text(encoding="utf-8"))
    kind = {"float32": "F32", "bfloat16": "BF16"}.get(config.get("dtype") or config.get("torch_dtype"))
    if kind is None:
        raise SystemExit(f"error: {args.folder}: neither float32 nor bfloat16")
    engines = start_engines(args, kind)
    if len(engines) > 1:
        check_parity(engines, config["vocab_size"])
    rounds, streams = [], []
    for number in range(-1, args.rounds):  # the first warms up
        turn = {}
        for i in range(len(engines)):
            engine = engines[(i + number + 1) % len(engines)]
            times, stream = engine.measure()
            turn[engine.label] = {key: statistics.median(samples) for key, samples in times.items()}
            if stream is not None and number >= 0:
                streams.append(stream)
        if number >= 0:
            rounds.append({engine.label: turn[engine.label] for engine in engines})
        print(f"round {number + 1} of {args.rounds}", file=sys.stderr)
    for engine in engines:
        engine.close()
    print_table(args, rounds, streams)
    if args.output:
        pathlib.Path(args.output).write_text(json.dumps({"rounds": rounds, "stream_gb_s": streams, "arguments": vars(args)}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
