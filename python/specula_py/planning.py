"""How many prompts does a study need?  From the spread of a pilot's log speed-ups over groups.  Licence: Apache-2.0."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Sequence

import numpy as np

from .inference import wilcoxon


def prompts_needed(log_ratios: Sequence[float], difference: float, power: float = 0.8, level: float = 0.05) -> int:
    """Groups of prompts to see a relative difference (0.05: 5 %) with the given power in a two-sided paired test.

    Normal approximation: n = ((z(1 - level/2) + z(power)) s / ln(1 + difference))^2, s the pilot's standard deviation.
    """
    if len(log_ratios) < 2:
        raise ValueError(f"a pilot of {len(log_ratios)} groups has no spread; at least 2 are needed")
    if difference <= -1 or difference == 0:
        raise ValueError(f"difference is {difference}; it must be above -1 and not 0 (0.05 means 5 %)")
    z = NormalDist().inv_cdf(1 - level / 2) + NormalDist().inv_cdf(power)
    return max(2, math.ceil((z * np.std(log_ratios, ddof=1) / math.log1p(difference)) ** 2))


def detectable_difference(log_ratios: Sequence[float], n: int, power: float = 0.8, level: float = 0.05) -> float:
    """The smallest relative difference that n groups show with the given power."""
    z = NormalDist().inv_cdf(1 - level / 2) + NormalDist().inv_cdf(power)
    return math.expm1(z * float(np.std(log_ratios, ddof=1)) / math.sqrt(n))


def simulated_power(log_ratios: Sequence[float], difference: float, n: int, level: float = 0.05, studies: int = 400,
                    seed: int = 0) -> float:
    """The share of imagined studies of n groups whose signed-rank test finds the difference.

    Each draws n of the pilot's log ratios, moved so that their mean is ln(1 + difference).
    """
    pilot = np.asarray(log_ratios, float)
    moved = pilot - pilot.mean() + math.log1p(difference)
    random = np.random.default_rng(seed)
    found = [wilcoxon(random.choice(moved, n)).p < level for _ in range(studies)]
    return float(np.mean(found))
