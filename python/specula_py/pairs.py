"""Records of two arms that answer the same question at the same time.  Licence: Apache-2.0."""

from __future__ import annotations

from typing import Optional

import pandas as pd

from .run import Run

PAIR_KEY = ["prompt", "rep", "turn", "seg"]  # never across segments: another process, another state of the machine


def pair(run: Run, arm: str, ref: Optional[str] = None, cat: Optional[str] = None) -> pd.DataFrame:
    """One row for each record of the arm that the reference (default: the baseline) has too.

    The columns of the reference end in _ref; `attrs["unpaired"]` counts the records of the arm that have no partner.
    """
    rows, reference = run.of(arm, cat), run.of(ref or run.baseline, cat)
    paired = rows.merge(reference, on=PAIR_KEY, suffixes=("", "_ref"), validate="one_to_one")
    paired.attrs["unpaired"] = len(rows) - len(paired)
    return paired
