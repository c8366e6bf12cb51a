"""Whether a study in shards says what it says in one piece: records and counts, all but what a clock tells.

Usage: compare.py WHOLE PARTS, two study folders.  Licence: Apache-2.0.
"""

import json
import sys
from pathlib import Path

KEY = ("k", "arm", "prompt", "turn", "rep")
COMPARED = ("request", "order", "status", "n_in_tok", "out_ids", "drafted", "accepted", "kept", "cut_step", "exact")
COUNTS = ("n_prompts", "n_ok", "n_failed", "counts", "positions", "len_hist")
METRICS = ("tau", "alpha", "accepted_per_step", "draft_accept_frac", "exact_frac")


def records(run):
    found = {}
    for path in sorted((run / "records").glob("*.jsonl")):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            key = tuple(record[name] for name in KEY)
            assert key not in found, f"{path}: {key} twice"
            found[key] = {name: record.get(name) for name in COMPARED}
    return found


def timeless(value):
    """Without what ends in a unit of time."""
    if not isinstance(value, dict):
        return value
    return {name: timeless(inner) for name, inner in value.items() if not name.endswith("_s")}


def figures(run):
    cells = json.loads((run / "summary.json").read_text())["cells"]
    return [
        [cell["arm"], cell["cat"]]
        + [timeless(cell[name]) for name in COUNTS]
        + [cell["metrics"][name] for name in METRICS]
        for cell in cells
    ]


def main(whole, parts):
    runs = sorted(path.parent.name for path in whole.glob("*/manifest.json"))
    assert runs, f"{whole}: no runs"
    assert runs == sorted(path.parent.name for path in parts.glob("*/manifest.json")), "other cells"
    for run in runs:
        one, many = records(whole / run), records(parts / run)
        assert len(list((parts / run / "records").glob("*.jsonl"))) == 3, f"{run}: not three shards"
        assert one.keys() == many.keys(), f"{run}: {one.keys() ^ many.keys()}"
        for key, record in one.items():
            assert record == many[key], f"{run}: {key}: {record} is {many[key]}"
        assert figures(whole / run) == figures(parts / run), f"{run}: the figures differ"
        assert (parts / run / "DONE").exists(), f"{run}: not done"
        print(f"{run}: {len(one)} records and the figures of {len(figures(whole / run))} cells are equal")
    states = [cell["state"] for cell in json.loads((parts / "sweep.json").read_text())["cells"]]
    assert states == ["done"] * len(runs), states


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
