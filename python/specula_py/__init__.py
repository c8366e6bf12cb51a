"""Reads the run folders of Specula: records as tables, metrics with intervals, comparisons, plots.  Licence: Apache-2.0."""

from . import plots
from .agreement import assert_agrees, compare_with_summary, unknown_metrics
from .export import to_parquet
from .inference import Bootstrap, Interval, SignedRank, holm, percentile_interval, wilcoxon
from .metrics import (METRICS, Estimate, Metrics, accepted_histogram, compare_arms, group_log_speedups, paired_times,
                      phase_times, pooled_waits, positions)
from .pairs import pair
from .planning import detectable_difference, prompts_needed, simulated_power
from .reading import ReadError
from .run import Run, read_run
from .study import Study, read_study
from .tables import latex_numbers, latex_table

__all__ = [
    "METRICS", "Bootstrap", "Estimate", "Interval", "Metrics", "ReadError", "Run", "SignedRank", "Study",
    "accepted_histogram", "assert_agrees", "compare_arms", "compare_with_summary", "detectable_difference",
    "group_log_speedups", "holm", "latex_numbers", "latex_table", "pair", "paired_times", "percentile_interval",
    "phase_times", "plots", "pooled_waits", "positions", "prompts_needed", "read_run", "read_study",
    "simulated_power", "to_parquet", "unknown_metrics", "wilcoxon",
]
