"""A run folder as tables: read_run(folder) -> Run.  Licence: Apache-2.0."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pandas as pd

from .reading import KEY, NLL_COLUMNS, SCORE_COLUMNS, ReadError, RecordSet, read_json, read_likelihoods, read_scores

try:
    import tomllib
except ImportError:  # Python before 3.11
    import tomli as tomllib

_COLUMNS = ["k", *KEY, "group", "cat", "seg", "status", "ok", "replayed", "error"]


@dataclass
class Run:
    """What a run folder holds.

    records: one row per prompt, turn, repetition and arm of the unfenced pass, failed ones included (ok tells); the
    columns are the keys of records/*.jsonl, with one array per round in drafted, depth, accepted, kept, ready_us.
    traces: the same of the fenced pass, with phase_us.
    """

    folder: Path
    manifest: dict[str, Any]
    records: pd.DataFrame
    traces: pd.DataFrame
    summary: Optional[dict[str, Any]]  # None: summary.json is not there (the run was killed)
    torn: list[str] = field(default_factory=list)  # files whose last line was left out
    scores: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=SCORE_COLUMNS))  # of scores.jsonl, one row a line
    likelihoods: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=NLL_COLUMNS))  # of nll.jsonl
    superseded: int = 0  # attempts that a later one replaced
    duplicates: list[tuple] = field(default_factory=list)  # keys that succeeded twice: a fault of the writer

    @property
    def arms(self) -> list[str]:
        return [arm["name"] for arm in self.manifest["arms"]]

    @property
    def baseline(self) -> str:
        return next(arm["name"] for arm in self.manifest["arms"] if arm["baseline"])

    @property
    def categories(self) -> list[str]:
        return sorted(self.records["cat"].unique())

    def arm(self, name: str) -> dict[str, Any]:
        """What the manifest says of an arm: target, drafter, verifier, guarantee, tests_tokens, ..."""
        for arm in self.manifest["arms"]:
            if arm["name"] == name:
                return arm
        near = difflib.get_close_matches(name, self.arms, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"valid: {', '.join(self.arms)}"
        raise KeyError(f"{self.folder}: no arm is called '{name}'; {hint}")

    def of(self, arm: str, cat: Optional[str] = None) -> pd.DataFrame:
        """The successful records of an arm, of all categories or one."""
        self.arm(arm)
        rows = self.records[self.records["ok"] & (self.records["arm"] == arm)]
        return rows if cat is None else rows[rows["cat"] == cat]

    def summary_cell(self, arm: str, cat: Optional[str] = None) -> dict[str, Any]:
        """What summary.json says of an arm, over all categories or one."""
        if self.summary is None:
            raise ReadError(f"{self.folder / 'summary.json'}: is not there; `specula run` writes it when it ends")
        for cell in self.summary["cells"]:
            if cell["arm"] == arm and cell["cat"] == cat:
                return cell
        raise KeyError(f"{self.folder / 'summary.json'}: no cell for arm '{arm}', category {cat!r}")

    @cached_property
    def rounds(self) -> pd.DataFrame:
        """One row per round of the unfenced pass, of records that succeeded.

        i: which round of its record.  at_tok: generated tokens before it.  cut: a stop token or the limit cut it.
        ready_us: when its tokens could be read.  step_us: since the round before (since the prefill for the first).
        Notes of drafter and rule are columns note.<name>.
        """
        frames = [_rounds_of(row) for row in self.records[self.records["ok"]].to_dict("records")]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=_COLUMNS)

    @cached_property
    def config(self) -> dict[str, Any]:
        """config.resolved.toml: every key of the configuration, with its value in this run."""
        path = self.folder / "config.resolved.toml"
        try:
            return tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise ReadError(f"{path}: {error}") from error


def _rounds_of(record: dict[str, Any]) -> pd.DataFrame:
    n = len(record["kept"])
    cut = record.get("cut_step")
    frame = pd.DataFrame({name: [record[name]] * n for name in [*KEY, "group", "cat", "seg"]})
    frame["i"] = np.arange(n)
    for name in ["drafted", "depth", "accepted", "kept"]:
        frame[name] = record[name]
    frame["at_tok"] = np.cumsum(record["kept"]) - record["kept"]
    frame["cut"] = frame["i"] == (-1 if cut is None or pd.isna(cut) else cut)
    for name in ["ready_us", "expected", "rule_us"]:
        frame[name] = np.nan if record.get(name) is None else record[name]
    frame["step_us"] = frame["ready_us"].diff().fillna(frame["ready_us"] - record.get("prefill_us", np.nan))
    for name, values in record["notes"].items():
        frame[f"note.{name}"] = values
    return frame


def read_run(folder: "str | os.PathLike[str]") -> Run:
    """Reads a run folder.  Unknown keys are let through and a torn last line is left out.

    Throws ReadError, whose text begins with file:line, for anything else that cannot be read.
    """
    folder = Path(folder)
    if not (folder / "manifest.json").is_file():
        inner = sorted(path.parent.name for path in folder.glob("*/manifest.json"))
        hint = f"; it holds the runs {', '.join(inner)} (read_study reads them together)" if inner else ""
        raise ReadError(f"{folder}: not a run folder (no manifest.json){hint}")
    manifest = read_json(folder / "manifest.json")
    records = RecordSet(folder)
    summary = folder / "summary.json"
    return Run(
        folder=folder,
        manifest=manifest,
        records=_frame(records.of_kind("rec")),
        traces=_frame(records.of_kind("trace")),
        summary=read_json(summary) if summary.is_file() else None,
        torn=records.torn,
        scores=read_scores(folder),
        likelihoods=read_likelihoods(folder),
        superseded=records.superseded,
        duplicates=records.duplicates,
    )


def _frame(records: list[dict]) -> pd.DataFrame:
    return pd.DataFrame(records) if records else pd.DataFrame(columns=_COLUMNS)
