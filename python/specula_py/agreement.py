"""Do summary.json and the records say the same?  Every figure of a summary is computed again from the records.

Values must be equal up to rounding.  Intervals come from other random numbers, so what is compared is the place of their ends
among our own draws: it must be 2.5 % and 97.5 %, within the noise of both bootstraps.  Licence: Apache-2.0.
"""

from __future__ import annotations

from typing import Any, Iterator, Optional

import numpy as np
import pandas as pd

from .metrics import (Estimate, Metrics, accepted_histogram, compare_arms, is_metric, phase_times, positions,
                      score_pairs)
from .run import Run

_RELATIVE = 1e-9
_SIGMAS = 5.0


def compare_with_summary(run: Run, metrics: Optional[Metrics] = None) -> pd.DataFrame:
    """One row a figure: where, arm, cat, name, ours, theirs, agrees.  Metrics that are not known here are left out; see
    unknown_metrics."""
    metrics = metrics or Metrics(run, draws=run.manifest["measure"]["bootstrap"])
    rows = []
    for arm in run.arms:
        for cat in [None, *run.categories]:
            cell = run.summary_cell(arm, cat)
            rows += [(where, arm, cat, *rest) for where, *rest in _of_cell(run, metrics, arm, cat, cell)]
    rows += _of_comparisons(run, metrics)
    rows += _of_traces(run)
    table = pd.DataFrame(rows, columns=["where", "arm", "cat", "name", "ours", "theirs", "agrees"])
    return table


def assert_agrees(run: Run, metrics: Optional[Metrics] = None) -> int:
    """How many figures of summary.json were compared.  Throws AssertionError with the first that differ."""
    table = compare_with_summary(run, metrics)
    wrong = table[~table["agrees"]]
    if len(wrong):
        raise AssertionError(f"{run.folder}: {len(wrong)} of {len(table)} figures differ from summary.json\n{wrong.head(8).to_string()}")
    return len(table)


def unknown_metrics(run: Run) -> list[str]:
    """Metrics of summary.json that this package does not compute."""
    return [name for name in run.summary_cell(run.baseline)["metrics"] if not is_metric(name)]


def _number(value: Any) -> float:
    return np.nan if value is None else float(value)


def same(ours: float, theirs: float) -> bool:
    return bool(np.isclose(ours, theirs, rtol=_RELATIVE, atol=1e-12, equal_nan=True))


def end_agrees(end: float, draws: np.ndarray, share: float, draws_there: int) -> bool:
    """Whether `end` can be the `share`-quantile of draws like ours.  Ties: any share between "below" and "at or below" will do."""
    slack = _RELATIVE * max(abs(end), 1e-12)
    below, up_to = np.mean(draws < end - slack), np.mean(draws <= end + slack)
    noise = np.sqrt(share * (1 - share) * (1 / len(draws) + 1 / draws_there))
    # one draw more: an end may lie between two draws
    return bool(below - 1 / len(draws) <= share + _SIGMAS * noise and up_to + 1 / len(draws) >= share - _SIGMAS * noise)


def interval_agrees(ours: Estimate, low: float, high: float, draws_there: int) -> bool:
    if np.isnan(low) or np.isnan(ours.interval.low):
        return bool(np.isnan(low) and np.isnan(ours.interval.low))
    finite = ours.draws[np.isfinite(ours.draws)]
    return end_agrees(low, finite, 0.025, draws_there) and end_agrees(high, finite, 0.975, draws_there)


def _of_cell(run: Run, metrics: Metrics, arm: str, cat: Optional[str], cell: dict) -> Iterator[tuple]:
    draws = run.manifest["measure"]["bootstrap"]
    for name, theirs in cell["metrics"].items():
        if not is_metric(name):
            continue
        e = metrics.estimate(arm, name, cat)
        yield "value", name, e.value, _number(theirs["value"]), same(e.value, _number(theirs["value"]))
        low, high = _number(theirs["ci_low"]), _number(theirs["ci_high"])
        agrees = interval_agrees(e, low, high, draws)
        yield "interval", name, tuple(e.interval), (low, high), agrees
    for scorer, theirs in cell.get("score_pairs", {}).items():
        ours = score_pairs(run, arm, scorer, cat)
        yield "pairs", scorer, ours, theirs, ours == theirs
    rows = run.of(arm, cat)
    counts = {"steps": int(rows["kept"].map(len).sum()), "drafted_tok": int(rows["drafted"].map(np.sum).sum()),
              "accepted_tok": int(rows["accepted"].map(np.sum).sum()), "kept_tok": int(rows["kept"].map(np.sum).sum())}
    for name, ours in [("n_ok", len(rows)), *counts.items()]:
        theirs = cell.get(name, cell["counts"].get(name))
        yield "count", name, ours, theirs, ours == theirs
    ours = positions(run, arm, cat)[["n_drafted", "n_tested", "n_accepted"]].to_numpy().tolist()
    theirs = [[p["n_drafted"], p["n_tested"], p["n_accepted"]] for p in cell["positions"]]
    yield "positions", "n_drafted, n_tested, n_accepted", ours, theirs, ours == theirs
    ours, theirs = accepted_histogram(run, arm, cat).tolist(), cell["len_hist"]
    yield "histogram", "len_hist", ours, theirs, ours == theirs


def _of_comparisons(run: Run, metrics: Metrics) -> list[tuple]:
    ours = compare_arms(run, metrics).set_index("arm")
    rows = []
    for theirs in run.summary["comparisons"]:
        mine = ours.loc[theirs["arm"]]
        for name in ["ratio", "p", "p_adj", "effect"]:
            a, b = float(mine[name]), _number(theirs[name])
            rows.append(("comparison", theirs["arm"], None, name, a, b, same(a, b)))
    return rows


def _of_traces(run: Run) -> list[tuple]:
    rows = []
    for theirs in run.summary["traces"]:
        mine = phase_times(run, theirs["arm"]) or {}
        expected = {name[:-2]: seconds for name, seconds in theirs["phases"].items()} | {"e2e": theirs["e2e_s"]}
        expected["prefill"] = theirs["prefill_total_s"]
        for name, seconds in expected.items():
            a = float(mine.get(name, np.nan))
            rows.append(("trace", theirs["arm"], None, name, a, seconds, bool(np.isclose(a, seconds, rtol=1e-9, atol=1e-9))))
    return rows
