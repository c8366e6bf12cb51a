"""What a record had models do and what that costs, counted from its rounds and the sizes of the models in the manifest.

Only of arms whose every pass follows from the record: without a draft model ("lookup"), or one chain of it a round ("chain").
A position with c keys costs 2 x active parameters + 4 x layers x attention width x c.  Licence: Apache-2.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

import numpy as np

from .record_metrics import Record, decode_us
from .run import Run

WORK_METRICS = ("usd_per_mtok", "flop_per_tok", "wasted_flop_frac", "mbu_frac", "mfu_frac", "j_per_tok", "j_per_tok_net")
ENERGY_METRICS = ("j_per_tok", "j_per_tok_net")
LEAST_ENERGY_WINDOW = 10.0  # seconds of all turns together


@dataclass
class Work:
    flop: float = 0.0
    wasted_flop: float = 0.0  # of positions that were thrown away
    bytes: float = 0.0  # of weights that the rounds read; NaN: not known
    draft_flop: float = 0.0  # part of flop


def _flop(model: dict[str, Any], first: float, count: float) -> float:
    """Of `count` positions with first, first + 1, ... keys."""
    mean = first + (count - 1) / 2
    return count * (2 * model["n_active"] + 4 * model["layers"] * model["d_attn"] * mean)


class WorkOf:
    """The work of an arm's records; None for an arm whose work is not known."""

    def __init__(self, run: Run, arm: str):
        said = run.arm(arm)
        models = {model["name"]: model for model in run.manifest["models"]}
        drafting = said.get("drafting", "")
        self._target = models.get(said["target"])
        self._draft = models.get(said.get("draft_model", "")) if drafting == "chain" else None
        self._q_next = said.get("q_next", False)
        used = [self._target] if drafting == "lookup" else [self._target, self._draft]
        self.known = ("strategy" not in said and drafting in ("lookup", "chain")
                      and all(model is not None and model.get("n_active", 0) > 0 for model in used))
        self._weights = [model.get("weight_bytes", 0) or np.nan if model else 0.0 for model in (self._target, self._draft)]

    def draft_memory(self) -> float:
        """The draft's share of the weights that a pass of both reads; NaN: not known."""
        target, draft = self._weights
        return draft / (draft + target) if self.known else np.nan

    def __call__(self, record: Record) -> Optional[Work]:
        if not self.known:
            return None
        work = Work()
        length = float(record["n_in_tok"])  # of the text; its last token is the root of the next round
        seen = length - 1  # positions in the draft's cache
        work.flop = _flop(self._target, 1, length - 1)  # the prefill leaves the root out
        if self._draft is not None:
            work.draft_flop = _flop(self._draft, 1, length - 1)
        for drafted, depth, accepted, kept in zip(*(np.asarray(record[name], float) for name in ("drafted", "depth", "accepted", "kept"))):
            # Rows off the deepest path are counted as deep as it.
            rows = _flop(self._target, length, depth + 1) + _flop(self._target, length + depth, 1) * (drafted - depth)
            work.flop += rows
            work.wasted_flop += rows - _flop(self._target, length, kept)
            work.bytes += self._weights[0]
            if self._draft is not None and drafted > 0:
                fed = drafted if self._q_next else drafted - 1  # of the drafted tokens
                stay = min(fed, accepted, kept)
                work.draft_flop += _flop(self._draft, seen + 1, length + fed - seen)
                work.wasted_flop += _flop(self._draft, length + stay + 1, fed - stay)
                work.bytes += (fed + 1) * self._weights[1]
                seen = length + stay
            length += kept
        work.flop += work.draft_flop
        return work

    def seconds_at_peak(self, work: Work) -> float:
        """That the machine's products would take for the work, each model's in its own numbers; NaN: a rate is not known."""
        seconds = 0.0
        for model, flop in ((self._target, work.flop - work.draft_flop), (self._draft, work.draft_flop)):
            if model is not None:
                seconds += flop / (model.get("gemm_gflop_s", 0) * 1e9 or np.nan)
        return seconds


def work_fraction(run: Run, metric: str, record: Record, work_of: WorkOf) -> Optional[tuple[float, float]]:
    """Numerator and denominator of one record; None: it says nothing."""
    if record["replayed"]:
        return None
    tokens = len(record["out_ids"])
    if metric == "usd_per_mtok":
        price = run.manifest.get("cost", {}).get("usd_per_hour", 0)
        return (price / 3600 * record["e2e_us"] * 1e-6, tokens * 1e-6) if price > 0 else None
    if metric in ENERGY_METRICS:
        if "energy_j" not in record:
            return None
        idle = sum(run.manifest.get("energy", {}).get("idle_w", {}).values()) * record["e2e_us"] * 1e-6
        return sum(record["energy_j"].values()) - (idle if metric == "j_per_tok_net" else 0), tokens
    work = work_of(record)
    if work is None:
        return None
    if metric == "flop_per_tok":
        return work.flop, tokens
    if metric == "wasted_flop_frac":
        return work.wasted_flop, work.flop
    if metric == "mfu_frac":
        seconds = work_of.seconds_at_peak(work)
        return (seconds, record["e2e_us"] * 1e-6) if np.isfinite(seconds) else None
    stream = run.manifest["measure"]["stream_gb_s"]
    if record.get("batch", 1) > 1:
        return None  # the passes of a batch are shared
    return (work.bytes, decode_us(record) * 1e-6 * stream * 1e9) if stream > 0 and np.isfinite(work.bytes) else None


def break_even_alpha(length: float, cost: float) -> float:
    """The acceptance at which a round of `length` drafts costs what its tokens would have cost: tokens(alpha) = cost, in units of
    the baseline's rounds.  0: it always pays; NaN: never."""
    if not cost > 1:
        return 0.0
    if cost > length + 1:
        return np.nan
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        tokens = (1 - middle ** (length + 1)) / (1 - middle)
        low, high = (middle, high) if tokens < cost else (low, middle)
    return high
