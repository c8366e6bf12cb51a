"""Metrics of an arm with their intervals, from the records alone.  Licence: Apache-2.0.

The definitions are those of `specula explain NAME`; nothing is taken from summary.json, so that the two can be compared
(agreement.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Optional

import numpy as np
import pandas as pd

from .inference import NO_INTERVAL, Bootstrap, Interval, holm, percentile_interval, wilcoxon
from .pairs import PAIR_KEY, pair
from .record_metrics import RECORD_METRICS, fraction, is_tree
from .reading import KEY
from .run import Run
from .texts import DISTINCT_METRICS, distinct_share
from .work import ENERGY_METRICS, LEAST_ENERGY_WINDOW, WORK_METRICS, WorkOf, break_even_alpha, work_fraction

RATIOS = ("speedup", "speedup_decode", "speedup_geomean")
QUANTILES = {"ttft_p50_ms": ("first", 0.5), "step_p50_ms": ("step", 0.5), "step_p90_ms": ("step", 0.9),
             "step_p99_ms": ("step", 0.99), "itl_p50_ms": ("gap", 0.5), "itl_p99_ms": ("gap", 0.99)}
COSTS = ("cost_c", "cost_v", "cost_o", "speedup_model", "trace_overhead_frac")  # of the fenced pass; without an interval
BATCH_SPEEDS = {"speedup", "speedup_decode", "speedup_geomean", "e2e_tok_s", "decode_tok_s", "usd_per_mtok", "mbu_frac", "mfu_frac",
                "j_per_tok", "j_per_tok_net"}
METRICS = (*RATIOS, *RECORD_METRICS, *DISTINCT_METRICS, *QUANTILES, *COSTS, *WORK_METRICS, "alpha_break_even", "draft_memory_frac")

LIKELIHOODS = ("nll_nats", "ppl", "nll_delta")  # of runs that have nll.jsonl
SCORES = ("score", "score_delta")  # score.ID of a scorer: of runs that have scores.jsonl

_WIDTH = 2 * 1.959964  # of a 95 % interval, in standard errors
_POWER = 2.802  # z(0.975) + z(0.8): what is seen with 80 % power, in standard errors


@dataclass(frozen=True)
class Estimate:
    value: float  # NaN: not measured
    interval: Interval = NO_INTERVAL
    n: int = 0  # what was averaged: records, pairs, values or rounds
    draws: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)  # the resampled statistic

    def __str__(self) -> str:
        if np.isnan(self.interval.low):
            return f"{self.value:.3g}"
        return f"{self.value:.3g} [{self.interval.low:.3g}, {self.interval.high:.3g}]"


def is_metric(name: str) -> bool:
    """Whether it can be computed here: one of METRICS or LIKELIHOODS, or what a scorer found (score.ID, score_delta.ID)."""
    return name in (*METRICS, *LIKELIHOODS) or name.partition(".")[0] in SCORES


class Metrics:
    """Estimates of a run.  All arms share the resamples of a category, so that their differences are paired too."""

    def __init__(self, run: Run, draws: int = 10_000, seed: int = 0):
        self.run = run
        self._draws, self._seed = draws, seed
        self._levels: dict[Optional[str], tuple[dict[str, int], Bootstrap]] = {}
        self._read: dict[tuple, Any] = {}

    def estimate(self, arm: str, metric: str, cat: Optional[str] = None) -> Estimate:
        """Of one metric, over all categories or one.  Throws KeyError for a metric that is not in METRICS."""
        if cat is not None and metric in BATCH_SPEEDS and self.run.manifest["measure"].get("batch", 1) > 1:
            return Estimate(np.nan)
        kind, _, scorer = metric.partition(".")
        if kind in SCORES:
            return self._score(arm, scorer, cat) if kind == "score" else self._score_delta(arm, scorer, cat)
        if metric in LIKELIHOODS:
            return self._likelihood(arm, metric, cat)
        if metric in DISTINCT_METRICS:
            return self._distinct(arm, metric, cat)
        if metric in RATIOS:
            return self._ratio(arm, metric, cat)
        if metric in RECORD_METRICS:
            return self._rate(arm, metric, cat)
        if metric in QUANTILES:
            return self._quantile(arm, metric, cat)
        if metric in COSTS:
            return Estimate(np.nan) if cat else self._cost(arm, metric)
        if metric in WORK_METRICS:
            return self._work(arm, metric, cat)
        if metric == "draft_memory_frac":
            return Estimate(np.nan if cat else WorkOf(self.run, arm).draft_memory())
        if metric == "alpha_break_even":
            return Estimate(np.nan) if cat else self._break_even(arm)
        raise KeyError(f"no metric is called '{metric}'; valid: {', '.join(METRICS)}")

    def table(self, metrics: "tuple[str, ...] | list[str]" = METRICS, cats: bool = False) -> pd.DataFrame:
        """Tidy: arm, cat (None: all), metric, value, ci_low, ci_high, n."""
        rows = []
        for arm in self.run.arms:
            for cat in [None, *(self.run.categories if cats else [])]:
                for metric in metrics:
                    e = self.estimate(arm, metric, cat)
                    rows.append((arm, cat, metric, e.value, e.interval.low, e.interval.high, e.n))
        return pd.DataFrame(rows, columns=["arm", "cat", "metric", "value", "ci_low", "ci_high", "n"])

    def groups(self, cat: Optional[str] = None) -> dict[str, int]:
        """The index of each group that has a record in the category, over all arms."""
        return self._level(cat)[0]

    def _level(self, cat: Optional[str]) -> tuple[dict[str, int], Bootstrap]:
        if cat not in self._levels:
            records = self.run.records
            here = records if cat is None else records[records["cat"] == cat]
            groups = {name: i for i, name in enumerate(sorted(here["group"].unique()))}
            self._levels[cat] = groups, Bootstrap(len(groups), self._draws, self._seed)
        return self._levels[cat]

    def _once(self, read: Callable, *of: str) -> Any:
        """read(run, *of), remembered: it is asked for once a category."""
        key = (read, *of)
        if key not in self._read:
            self._read[key] = read(self.run, *of)
        return self._read[key]

    def _of_totals(self, statistic: Callable, columns: np.ndarray, n: int, cat: Optional[str]) -> Estimate:
        with np.errstate(divide="ignore", invalid="ignore"):
            value = float(statistic(*columns.sum(axis=1)))
        if not np.isfinite(value):
            return Estimate(np.nan)
        draws = self._level(cat)[1].of_totals(statistic, *columns)
        return Estimate(value, percentile_interval(draws), n, draws)

    def _rate(self, arm: str, metric: str, cat: Optional[str]) -> Estimate:
        if metric == "alpha" and not self.run.arm(arm)["tests_tokens"]:
            return Estimate(np.nan)  # the rule flips no coin for each token
        groups = self.groups(cat)
        columns, n = np.zeros((2, len(groups))), 0
        for record in self._once(_records, arm):
            part = fraction(record, metric) if cat in (None, record["cat"]) else None
            if part is not None:
                columns[:, groups[record["group"]]] += part
                n += 1
        return self._of_totals(np.divide, columns, n, cat)

    def _distinct(self, arm: str, metric: str, cat: Optional[str]) -> Estimate:
        records = [record for record in self._once(_records, arm) if cat in (None, record["cat"])]
        share = distinct_share(records, DISTINCT_METRICS[metric])
        return Estimate(np.nan) if share is None else Estimate(share, n=len(records))

    def _score(self, arm: str, scorer: str, cat: Optional[str]) -> Estimate:
        scores = _in(self._once(scored, arm, scorer), cat)
        return self._mean(scores["score"], scores["group"], cat)

    def _score_delta(self, arm: str, scorer: str, cat: Optional[str]) -> Estimate:
        own, base = self._once(scored, arm, scorer), self._once(scored, self.run.baseline, scorer)
        pairs = _in(own, cat).merge(base[[*PAIR_KEY, "score"]], on=PAIR_KEY, suffixes=("", "_ref"))
        return self._mean(pairs["score"] - pairs["score_ref"], pairs["group"], cat)

    def _likelihood(self, arm: str, metric: str, cat: Optional[str]) -> Estimate:
        """Totals of nats and tokens; for nll_delta those of the baseline's half of each pair too."""
        texts = _in(self._once(with_likelihood, arm), cat)
        parts = ["nll_sum_nats", "n_tok"]
        if metric == "nll_delta":
            base = self._once(with_likelihood, self.run.baseline)
            texts = texts.merge(base[[*PAIR_KEY, *parts]], on=PAIR_KEY, suffixes=("", "_ref"))
            parts += ["nll_sum_nats_ref", "n_tok_ref"]
        statistic = {"nll_nats": np.divide, "ppl": lambda nats, n: np.exp(nats / n),
                     "nll_delta": lambda nats, n, nats_ref, n_ref: nats / n - nats_ref / n_ref}[metric]
        columns = np.zeros((len(parts), len(self.groups(cat))))
        np.add.at(columns, (slice(None), texts["group"].map(self.groups(cat)).to_numpy(int)), texts[parts].to_numpy(float).T)
        return self._of_totals(statistic, columns, len(texts), cat)

    def _mean(self, values: pd.Series, groups: pd.Series, cat: Optional[str]) -> Estimate:
        columns = np.zeros((2, len(self.groups(cat))))
        places = groups.map(self.groups(cat)).to_numpy(int)
        np.add.at(columns[0], places, values.to_numpy(float))
        np.add.at(columns[1], places, 1)
        return self._of_totals(np.divide, columns, len(values), cat)

    def _work(self, arm: str, metric: str, cat: Optional[str]) -> Estimate:
        groups, work_of = self.groups(cat), WorkOf(self.run, arm)
        columns, n = np.zeros((2, len(groups))), 0
        for record in self._once(_records, arm):
            part = work_fraction(self.run, metric, record, work_of) if cat in (None, record["cat"]) else None
            if part is not None:
                columns[:, groups[record["group"]]] += part
                n += 1
        if metric in ENERGY_METRICS and not self._energy_window(arm, cat):
            return Estimate(np.nan)
        return self._of_totals(np.divide, columns, n, cat)

    def _energy_window(self, arm: str, cat: Optional[str]) -> bool:
        """Whether the turns were long enough for the counters, which saw every one of them and nothing else."""
        rows = [record for record in self._once(_records, arm) if cat in (None, record["cat"])]
        seconds, unbilled = (sum(record.get(name) or 0 for record in rows) * 1e-6 for name in ("e2e_us", "unbilled_us"))
        return all("energy_j" in record for record in rows) and seconds >= LEAST_ENERGY_WINDOW and unbilled <= 0.01 * seconds

    def _break_even(self, arm: str) -> Estimate:
        c, v, o = (self._cost(arm, name) for name in ("cost_c", "cost_v", "cost_o"))
        if np.isnan(c.value) or any(is_tree(record) for record in self._once(_records, arm)):
            return Estimate(np.nan)
        length = self.estimate(arm, "drafted_per_step").value
        return Estimate(break_even_alpha(length, length * c.value + v.value + o.value), n=c.n)

    def _ratio(self, arm: str, metric: str, cat: Optional[str]) -> Estimate:
        parts = _in(self._once(paired_times, arm), cat)
        if parts.empty:
            return Estimate(np.nan)
        which = {"speedup": E2E, "speedup_decode": DECODE, "speedup_geomean": LOG_RATIO}[metric]
        statistic = (lambda logs, pairs: np.exp(logs / pairs)) if which is LOG_RATIO else speed_ratio
        columns = np.zeros((len(which), len(self.groups(cat))))
        np.add.at(columns, (slice(None), parts["group"].map(self.groups(cat)).to_numpy()), parts[which].to_numpy().T)
        return self._of_totals(statistic, columns, len(parts), cat)

    def _quantile(self, arm: str, metric: str, cat: Optional[str]) -> Estimate:
        kind, q = QUANTILES[metric]
        waits = _in(self._once(pooled_waits, arm, kind), cat)
        if waits.empty:
            return Estimate(np.nan)
        values, groups = waits["ms"].to_numpy(), waits["group"].map(self.groups(cat)).to_numpy()
        draws = self._level(cat)[1].of_quantile(values, groups, q)
        return Estimate(float(np.quantile(values, q)), percentile_interval(draws), len(values), draws)

    def _cost(self, arm: str, metric: str) -> Estimate:
        base, own = phase_times(self.run, self.run.baseline), phase_times(self.run, arm)
        if base is None or own is None:
            return Estimate(np.nan)
        if metric == "trace_overhead_frac":
            return Estimate(_trace_overhead(self.run, arm), n=own["records"])
        step = (base["e2e"] - base["prefill"]) / base["rounds"]
        drafted, rounds = own["drafted"], own["rounds"]
        of_drafts = own["draft"] if drafted else 0.0
        c = of_drafts / drafted / step if drafted else np.nan
        v = own["target"] / rounds / step
        o = (own["e2e"] - own["prefill"] - of_drafts - own["target"]) / rounds / step
        if metric == "speedup_model":
            length = self.estimate(arm, "drafted_per_step").value
            cost_of_drafts = length * c if drafted else 0.0
            return Estimate(self.estimate(arm, "tau").value / (cost_of_drafts + v + o), n=rounds)
        return {"cost_c": Estimate(c, n=drafted), "cost_v": Estimate(v, n=rounds), "cost_o": Estimate(o, n=rounds)}[metric]


E2E = ["n", "e2e_us", "n_ref", "e2e_us_ref"]
DECODE = ["n", "decode_us", "n_ref", "decode_us_ref"]
LOG_RATIO = ["log_ratio", "one"]


def speed_ratio(n, us, n_ref, us_ref):
    """Tokens per second over those of the reference."""
    return (n / us) / (n_ref / us_ref)


def _records(run: Run, arm: str) -> list[dict]:
    return run.of(arm).to_dict("records")


def scored(run: Run, arm: str, scorer: str) -> pd.DataFrame:
    """The records of an arm that a scorer judged, with their scores."""
    scores = run.scores[run.scores["scorer"] == scorer]
    both = run.of(arm)[[*KEY, "seg", "group", "cat"]].merge(scores[[*KEY, "score"]], on=KEY)
    return both[both["score"].notna()]


def with_likelihood(run: Run, arm: str) -> pd.DataFrame:
    """The records of an arm whose text the target in float32 was given."""
    return run.of(arm)[[*KEY, "seg", "group", "cat"]].merge(run.likelihoods, on=KEY)


def score_pairs(run: Run, arm: str, scorer: str, cat: Optional[str] = None) -> dict[str, int]:
    """Pairs of an arm's record and the baseline's that a scorer judged, by who was right."""
    base = scored(run, run.baseline, scorer)[[*PAIR_KEY, "score"]]
    pairs = _in(scored(run, arm, scorer), cat).merge(base, on=PAIR_KEY, suffixes=("", "_ref"))
    own, ref = pairs["score"] > 0.5, pairs["score_ref"] > 0.5
    return {"both": int((own & ref).sum()), "only_arm": int((own & ~ref).sum()), "only_ref": int((~own & ref).sum()),
            "neither": int((~own & ~ref).sum())}


def _in(table: pd.DataFrame, cat: Optional[str]) -> pd.DataFrame:
    return table if cat is None else table[table["cat"] == cat]


def paired_times(run: Run, arm: str) -> pd.DataFrame:
    """Tokens and times of the pairs of an arm and the baseline, one row a pair; pairs without a token are left out."""
    pairs = pair(run, arm)
    if pairs.empty or pairs["replayed"].any():
        return pd.DataFrame(columns=["prompt", "group", "cat", *E2E, *LOG_RATIO])
    times = pd.DataFrame({name: pairs[name] for name in ["prompt", "group", "cat"]})
    for end in ["", "_ref"]:
        times["n" + end] = pairs["out_ids" + end].map(len)
        times["e2e_us" + end] = pairs["e2e_us" + end]
        times["decode_us" + end] = pairs["e2e_us" + end] - pairs["prefill_us" + end]
    times = times[(times["n"] > 0) & (times["n_ref"] > 0)].reset_index(drop=True)
    times["log_ratio"] = np.log(speed_ratio(*(times[name] for name in E2E)))
    times["one"] = 1
    return times


def group_log_speedups(run: Run, arm: str) -> pd.Series:
    """ln of the speed-up within each group: what the signed-rank test and the planning of a study look at."""
    sums = paired_times(run, arm).groupby("group")[E2E].sum()
    return np.log(speed_ratio(*(sums[name] for name in E2E)))


def pooled_waits(run: Run, arm: str, kind: str) -> pd.DataFrame:
    """Times in ms with their groups.  kind: "first" (until the first token), "step" (rounds after the first) or "gap"
    (between neighbouring tokens; those of one round share a time, so that zeros are real)."""
    frames = []
    for record in _records(run, arm):
        ready, kept = record["ready_us"], record["kept"]
        if record["replayed"]:  # without times
            continue
        readable = np.repeat(ready, kept)  # when each token could be read
        waits = {"first": readable[:1], "step": np.diff(ready), "gap": np.diff(readable)}[kind]
        frames.append(pd.DataFrame({"ms": waits * 1e-3, "group": record["group"], "cat": record["cat"]}))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["ms", "group", "cat"])


def phase_times(run: Run, arm: str) -> Optional[dict[str, float]]:
    """Totals of the fenced pass of an arm: seconds of each phase, e2e and prefill; rounds, drafted, records.  None: no such pass."""
    if run.traces.empty:
        return None
    rows = run.traces[run.traces["ok"] & (run.traces["arm"] == arm)]
    if rows.empty or not rows["kept"].map(len).sum():
        return None
    totals = {"records": len(rows), "rounds": int(rows["kept"].map(len).sum()), "drafted": int(rows["drafted"].map(np.sum).sum())}
    for phase in rows["phase_us"].iloc[0]:
        totals[phase] = sum(times[phase] for times in rows["phase_us"]) * 1e-6
    known = sum(totals[phase] for phase in rows["phase_us"].iloc[0])
    totals["e2e"] = rows["e2e_us"].sum() * 1e-6
    totals["prefill"] = rows["prefill_us"].sum() * 1e-6
    totals["other"] = totals["e2e"] - known  # of the wall, in no phase
    return totals


def _trace_overhead(run: Run, arm: str) -> float:
    """Fenced over unfenced time per token on the same prompts, less 1."""
    key = ["prompt", "rep", "turn"]
    fenced = run.traces[run.traces["ok"] & (run.traces["arm"] == arm)]
    both = fenced[[*key, "e2e_us", "out_ids"]].merge(run.of(arm)[[*key, "e2e_us", "out_ids"]], on=key, suffixes=("", "_plain"))
    per_token = both["e2e_us"].sum() / both["out_ids"].map(len).sum()
    return per_token / (both["e2e_us_plain"].sum() / both["out_ids_plain"].map(len).sum()) - 1


def positions(run: Run, arm: str, cat: Optional[str] = None) -> pd.DataFrame:
    """Acceptance by depth, with the counts behind it: n_drafted rounds with a draft so deep, n_tested of them that accepted all
    shallower depths, n_accepted.  pos_marginal = accepted / drafted, pos_cond = accepted / tested."""
    rounds = run.rounds
    here = rounds[(rounds["arm"] == arm) & ((rounds["cat"] == cat) | (cat is None))]
    depths = range(1, int(here["depth"].max()) + 1) if len(here) else []
    rows = []
    for j in depths:
        deep = here[here["depth"] >= j]
        rows.append((j, len(deep), int((deep["accepted"] >= j - 1).sum()), int((deep["accepted"] >= j).sum())))
    table = pd.DataFrame(rows, columns=["depth", "n_drafted", "n_tested", "n_accepted"])
    table["pos_marginal"] = table["n_accepted"] / table["n_drafted"]
    table["pos_cond"] = table["n_accepted"] / table["n_tested"].where(table["n_tested"] > 0)
    return table


def accepted_histogram(run: Run, arm: str, cat: Optional[str] = None) -> np.ndarray:
    """Rounds that accepted n tokens, n = 0, 1, ..."""
    rounds = run.rounds
    here = rounds[(rounds["arm"] == arm) & ((rounds["cat"] == cat) | (cat is None))]
    return np.bincount(here["accepted"]) if len(here) else np.zeros(0, int)


def compare_arms(run: Run, metrics: Optional[Metrics] = None) -> pd.DataFrame:
    """Every arm that repeats no other against the baseline: speed-up, Wilcoxon over groups, Holm across arms, the smallest
    difference that the run could have seen with 80 % power, and a verdict that is "~" where no difference was shown."""
    metrics = metrics or Metrics(run)
    rows = []
    for arm in (name for name in run.arms if name != run.baseline and "duplicate_of" not in run.arm(name)):
        e = metrics.estimate(arm, "speedup")
        if np.isnan(e.value):
            rows.append((arm, e.value, *NO_INTERVAL, np.nan, np.nan, np.nan))
            continue
        test = wilcoxon(group_log_speedups(run, arm))
        detectable = (e.interval.high - e.interval.low) / e.value / _WIDTH * _POWER
        rows.append((arm, e.value, *e.interval, test.p, test.rank_biserial, detectable))
    table = pd.DataFrame(rows, columns=["arm", "ratio", "ci_low", "ci_high", "p", "effect", "detectable_frac"])
    table.insert(5, "p_adj", holm(table["p"]))
    shown = table["p_adj"] < 0.05
    table["verdict"] = np.select([shown & (table["ci_low"] > 1), shown & (table["ci_high"] < 1)], ["faster", "slower"], "~")
    return table
