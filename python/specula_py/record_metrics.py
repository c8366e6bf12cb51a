"""Metrics that one record decides, each as a numerator and a denominator, so that a total over any set of records is a sum over
a sum and never a mean of ratios.  The definitions are those that `specula explain NAME` prints (accept/1, time/1).

Per round: d drafted, a accepted (before anything was cut), k kept tokens.  Licence: Apache-2.0.
"""

from __future__ import annotations

from typing import Any, Callable, Optional

import numpy as np
import pandas as pd

from .texts import repeated

Record = dict[str, Any]  # a row of Run.records
Fraction = Optional[tuple[float, float]]  # None: the record says nothing about it


def decode_us(r: Record) -> float:
    return r["e2e_us"] - r["prefill_us"]


def is_tree(r: Record) -> bool:
    return not np.array_equal(r["depth"], r["drafted"])


def cut_round(r: Record) -> Optional[int]:
    """The round that a stop token or the limit cut."""
    cut = r.get("cut_step")
    return None if cut is None or pd.isna(cut) else int(cut)


def _e2e_tok_s(r: Record) -> Fraction:
    return len(r["out_ids"]), r["e2e_us"] * 1e-6


def _decode_tok_s(r: Record) -> Fraction:
    return len(r["out_ids"]), decode_us(r) * 1e-6


def _latency_us(r: Record) -> float:
    """Of one text; the times of a record of a batch are its share of the batch's."""
    return r["ready_us"][-1] if r.get("batch", 1) > 1 and len(r["ready_us"]) else r["e2e_us"]


def _tpot_ms(r: Record) -> Fraction:
    return (_latency_us(r) - r["prefill_us"] * r.get("batch", 1)) * 1e-3, len(r["out_ids"])


def _e2e_ms(r: Record) -> Fraction:
    return _latency_us(r) * 1e-3, 1


def _n_in_tok(r: Record) -> Fraction:
    return r["n_in_tok"], 1


def _n_out_tok(r: Record) -> Fraction:
    return len(r["out_ids"]), 1


def _ttft_ms(r: Record) -> Fraction:
    if len(r["ready_us"]) == 0:
        return None
    readable = r["ready_us"][r["kept"] > 0]
    return (readable[0] if len(readable) else 0) * 1e-3, 1


def _step_ms(r: Record) -> Fraction:
    if len(r["ready_us"]) < 2:
        return None
    return (r["ready_us"][-1] - r["ready_us"][0]) * 1e-3, len(r["ready_us"]) - 1


def _tau(r: Record) -> Fraction:
    return r["kept"].sum(), len(r["kept"])


def _tau_prompt_mean(r: Record) -> Fraction:
    return None if len(r["kept"]) == 0 else (r["kept"].mean(), 1)


def _alpha(r: Record) -> Fraction:
    if is_tree(r):
        return None
    whole = np.arange(len(r["kept"])) != cut_round(r)  # where a text was cut, an unseen rejection may have been cut away
    accepted, drafted = r["accepted"][whole], r["drafted"][whole]
    return accepted.sum(), accepted.sum() + (accepted < drafted).sum()


def _accepted_per_step(r: Record) -> Fraction:
    return r["accepted"].sum(), len(r["accepted"])


def _drafted_per_step(r: Record) -> Fraction:
    return r["drafted"].sum(), len(r["drafted"])


def _draft_accept_frac(r: Record) -> Fraction:
    return None if is_tree(r) else (r["accepted"].sum(), r["drafted"].sum())


def _util_frac(r: Record) -> Fraction:
    return r["kept"].sum(), r["drafted"].sum() + len(r["drafted"])


def _mean_of(name: str) -> Callable[[Record], Fraction]:
    def of(r: Record) -> Fraction:
        values = r.get(name)
        return (values.sum(), len(values)) if isinstance(values, np.ndarray) and len(values) else None

    return of


def _value_of(name: str) -> Callable[[Record], Fraction]:
    def of(r: Record) -> Fraction:
        value = r.get(name)
        return None if value is None or pd.isna(value) else (float(value), 1)

    return of


RECORD_METRICS: dict[str, Callable[[Record], Fraction]] = {
    "e2e_tok_s": _e2e_tok_s,
    "decode_tok_s": _decode_tok_s,
    "ttft_ms": _ttft_ms,
    "tpot_ms": _tpot_ms,
    "e2e_ms": _e2e_ms,
    "step_ms": _step_ms,
    "tau": _tau,
    "tau_prompt_mean": _tau_prompt_mean,
    "alpha": _alpha,
    "accepted_per_step": _accepted_per_step,
    "expected_accepted": _mean_of("expected"),
    "rule_us": _mean_of("rule_us"),
    "drafted_per_step": _drafted_per_step,
    "draft_accept_frac": _draft_accept_frac,
    "util_frac": _util_frac,
    "exact_frac": _value_of("exact"),
    "first_div_tok": _value_of("first_div_tok"),
    "div_margin_nats": _value_of("div_margin_nats"),
    "n_in_tok": _n_in_tok,
    "n_out_tok": _n_out_tok,
    "repetition_frac": repeated,
}


_OF_ACCEPTANCE = {"alpha", "tau", "tau_prompt_mean", "accepted_per_step", "expected_accepted", "rule_us",
                  "drafted_per_step", "draft_accept_frac", "util_frac", "n_in_tok"}  # what a replay has too


def fraction(record: Record, metric: str) -> Fraction:
    """None where the record says nothing about the metric."""
    if record["replayed"] and metric not in _OF_ACCEPTANCE:
        return None
    found = RECORD_METRICS[metric](record)
    return None if found is None or found[1] == 0 else found
