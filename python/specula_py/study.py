"""Several runs of one experiment as one table.  Licence: Apache-2.0."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from .metrics import Metrics
from .reading import ReadError
from .run import Run, read_run

_SILENT = ("experiment.", "output.")  # keys that do not decide what is measured


@dataclass
class Study:
    """runs: in the order of their folders' names.  keys: the configuration keys in which they differ."""

    folder: Path
    runs: list[Run]

    @cached_property
    def settings(self) -> list[dict[str, dict[str, Any]]]:
        """For each run, for each of its arms: every configuration key with its value; those of the arm without the arm's name."""
        return [{arm: arm_settings(run, arm) for arm in run.arms} for run in self.runs]

    @cached_property
    def keys(self) -> list[str]:
        differing = []
        for arm in dict.fromkeys(arm for run in self.runs for arm in run.arms):
            of_arm = [settings[arm] for settings in self.settings if arm in settings]
            for key in dict.fromkeys(key for values in of_arm for key in values):
                first = of_arm[0].get(key)
                if key not in differing and any(values.get(key) != first for values in of_arm):
                    differing.append(key)
        return differing

    def table(self, metrics: "list[str] | tuple[str, ...]", draws: int = 2000) -> pd.DataFrame:
        """One row for each arm of each run: run, arm, is_baseline, the differing keys, and for each metric its value,
        <metric>.low and <metric>.high."""
        rows = []
        for run, settings in zip(self.runs, self.settings):
            measured = Metrics(run, draws=draws)
            for arm in run.arms:
                row = {"run": run.folder.name, "arm": arm, "is_baseline": arm == run.baseline}
                row.update({key: settings[arm].get(key) for key in self.keys})
                for name in metrics:
                    e = measured.estimate(arm, name)
                    row.update({name: e.value, f"{name}.low": e.interval.low, f"{name}.high": e.interval.high})
                rows.append(row)
        return pd.DataFrame(rows)

    def run_of(self, name: str) -> Run:
        return next(run for run in self.runs if run.folder.name == name)


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} becomes {"a.b": 1}."""
    if not isinstance(value, dict):
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        flat.update(flatten(inner, f"{prefix}.{key}" if prefix else key))
    return flat


def arm_settings(run: Run, arm: str) -> dict[str, Any]:
    """Every configuration key that decides what an arm does in a run."""
    common = {key: value for key, value in flatten({k: v for k, v in run.config.items() if k != "arm"}).items()
              if not key.startswith(_SILENT)}
    own = next((a for a in run.config.get("arm", []) if a["name"] == arm), {})
    return common | {key: value for key, value in flatten(own).items() if key != "name"}


def read_study(folder: "str | os.PathLike[str]") -> Study:
    """Reads every run folder in a folder (runs/<experiment>/).  Throws ReadError if there is none."""
    folder = Path(folder)
    cells = sorted(path.parent for path in folder.glob("*/manifest.json"))
    if not cells:
        hint = " (it is a run folder itself: read_run)" if (folder / "manifest.json").is_file() else ""
        raise ReadError(f"{folder}: holds no run folders{hint}")
    return Study(folder, [read_run(cell) for cell in cells])
