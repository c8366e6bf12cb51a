"""Bootstrap over groups, signed ranks, Holm's correction.  The unit is the group of prompts, never the token.  Licence: Apache-2.0."""

from __future__ import annotations

from statistics import NormalDist
from typing import Callable, NamedTuple, Sequence

import numpy as np

_EXACT_LIMIT = 50  # signed ranks up to here are summed over all signs
_ENDS = (0.025, 0.975)


class Interval(NamedTuple):
    low: float
    high: float


NO_INTERVAL = Interval(np.nan, np.nan)


def percentile_interval(statistics: np.ndarray) -> Interval:
    """95 % of the finite values; none where they are fewer than half."""
    finite = statistics[np.isfinite(statistics)]
    if len(finite) == 0 or 2 * len(finite) < len(statistics):
        return NO_INTERVAL
    return Interval(*np.quantile(finite, _ENDS))


class Bootstrap:
    """Draws of G groups with replacement, made once, so that every statistic sees the same resamples.

    counts[draw, group] says how often a group was drawn.  With fewer than two groups there are no draws.
    """

    def __init__(self, groups: int, draws: int = 10_000, seed: int = 0):
        self.groups = groups
        random = np.random.default_rng(seed)
        fair = np.full(groups, 1 / max(groups, 1))
        drawn = random.multinomial(groups, fair, size=draws) if groups >= 2 else np.zeros((0, groups))
        self.counts = drawn.astype(float)

    def of_totals(self, statistic: Callable[..., np.ndarray], *columns: Sequence[float]) -> np.ndarray:
        """One value a draw of a statistic of totals.  A column holds what each group adds to one total."""
        totals = [self.counts @ np.asarray(column, float) for column in columns]
        with np.errstate(divide="ignore", invalid="ignore"):
            return statistic(*totals)

    def of_quantile(self, values: np.ndarray, groups: np.ndarray, q: float) -> np.ndarray:
        """One value a draw of the q-quantile of pooled values, after Woodruff 1952.

        In each draw the share of values at or below the quantile is another one; by how much it is larger, by so much lower is
        the level at which the value is read off."""
        if len(self.counts) == 0 or len(values) == 0:
            return np.empty(0)
        below = values <= np.quantile(values, q)
        shares = self.of_totals(np.divide, np.bincount(groups, below, self.groups), np.bincount(groups, minlength=self.groups))
        return np.quantile(values, np.clip(q + below.mean() - shares[np.isfinite(shares)], 0, 1))


class SignedRank(NamedTuple):
    n: int  # differences that are not zero
    p: float  # two-sided
    rank_biserial: float  # (W+ - W-) / (W+ + W-), the effect size


def _doubled_ranks(magnitudes: np.ndarray) -> np.ndarray:
    """Twice the mid-ranks, which are integers."""
    ascending = np.sort(magnitudes)
    first = np.searchsorted(ascending, magnitudes, side="left")
    last = np.searchsorted(ascending, magnitudes, side="right")
    return first + last + 1


def _exact_tail(ranks: np.ndarray, w: int) -> float:
    """P(W <= w) where every sign is fair."""
    probability = np.zeros(int(ranks.sum()) + 1)
    probability[0] = 1
    for rank in ranks:
        with_it = np.zeros_like(probability)
        with_it[rank:] = probability[: len(probability) - rank]
        probability = (probability + with_it) / 2
    return float(probability[: w + 1].sum())


def _normal_tail(ranks: np.ndarray, w: int) -> float:
    z = (w + 1 - ranks.sum() / 2) / np.sqrt((ranks.astype(float) ** 2).sum() / 4)  # + 1: half a rank, doubled
    return NormalDist().cdf(z)


def wilcoxon(differences: Sequence[float]) -> SignedRank:
    """Signed-rank test of paired differences; zeros are dropped (Wilcoxon 1945), ties get mid-ranks."""
    d = np.asarray(differences, float)
    d = d[np.isfinite(d) & (d != 0)]
    if len(d) == 0:
        return SignedRank(0, 1.0, 0.0)
    ranks = _doubled_ranks(np.abs(d))
    plus, total = int(ranks[d > 0].sum()), int(ranks.sum())
    tail = (_exact_tail if len(d) <= _EXACT_LIMIT else _normal_tail)(ranks, min(plus, total - plus))
    return SignedRank(len(d), min(1.0, 2 * tail), (2 * plus - total) / total)


def holm(p: Sequence[float]) -> np.ndarray:
    """Adjusted p-values in the order given (Holm 1979); NaN stays NaN and does not count."""
    p = np.asarray(p, float)
    adjusted = np.full(len(p), np.nan)
    order = [i for i in np.argsort(p, kind="stable") if np.isfinite(p[i])]
    largest = 0.0
    for place, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - place) * p[i]))
        adjusted[i] = largest
    return adjusted
