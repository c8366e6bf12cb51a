"""Files of a run folder as Python values; whoever finds one unreadable says where.  Licence: Apache-2.0."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

KEY = ["arm", "prompt", "turn", "rep"]  # what a record is about, with its kind (rec or trace)

SCORE_COLUMNS = [*KEY, "scorer", "score"]  # score: 0..1, NaN where it was not judged
NLL_COLUMNS = [*KEY, "nll_sum_nats", "n_tok"]  # -log p of a text under the target in float32, and its tokens

_TEXTS = ["arm", "prompt", "group", "cat", "status"]
_INTEGERS = ["turn", "rep", "seg"]
_COUNTS = ["drafted", "depth", "accepted", "kept"]  # one integer a round
_TIMES = ["ready_us", "expected", "rule_us"]  # one number a round, or absent
_SCALARS = ["n_in_tok", "prefill_us", "e2e_us"]  # of a decode


class ReadError(ValueError):
    """A file is not what it should be.  The text begins with its place."""


def read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReadError(f"{path}: {error}") from error
    if not isinstance(value, dict):
        raise ReadError(f"{path}: holds {type(value).__name__}, not an object")
    return value


def read_json_lines(path: Path) -> tuple[list[tuple[str, dict]], bool]:
    """The objects of a file with their places, and whether its last line is torn (it has no line end: the writer died in it)."""
    lines = path.read_bytes().split(b"\n")
    torn = lines.pop() != b""
    objects = []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        place = f"{path}:{number}"
        try:
            value = json.loads(line)
        except ValueError as error:
            raise ReadError(f"{place}: not JSON: {error}") from error
        if not isinstance(value, dict):
            raise ReadError(f"{place}: holds {type(value).__name__}, not an object")
        objects.append((place, value))
    return objects, torn


def _require(json_record: dict, name: str, kind: type, place: str) -> None:
    if name not in json_record:
        raise ReadError(f"{place}: a record without '{name}'")
    value = json_record[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ReadError(f"{place}: '{name}' is {value!r}, not {kind.__name__}")


def _array(value: Any, dtype: type, name: str, place: str) -> np.ndarray:
    try:
        return np.array([np.nan if v is None else v for v in value], dtype=dtype)
    except (TypeError, ValueError) as error:
        raise ReadError(f"{place}: '{name}' is not a list of numbers: {error}") from error


def _rounds(record: dict, place: str) -> None:
    record.setdefault("depth", record.get("drafted"))  # equal for chains, and then left out
    for name in _COUNTS:
        record[name] = _array(record.get(name), int, name, place)
    for name in _TIMES:
        record[name] = None if record.get(name) is None else _array(record[name], float, name, place)
    notes = record.get("notes") or {}
    record["notes"] = {name: _array(values, float, name, place) for name, values in notes.items()}
    per_round = {name: record[name] for name in _COUNTS + _TIMES if record[name] is not None} | record["notes"]
    for name, values in per_round.items():
        if len(values) != len(record["kept"]):
            raise ReadError(f"{place}: '{name}' has {len(values)} rounds, 'kept' has {len(record['kept'])}")


def parse_record(line: dict, place: str) -> dict[str, Any]:
    """A line of records/*.jsonl, with arrays in place of lists and its status as ok and replayed.  Unknown keys stay."""
    record = dict(line)
    if record.get("k") not in ("rec", "trace"):
        raise ReadError(f"{place}: 'k' is {record.get('k')!r}; valid: 'rec', 'trace'")
    for name in _TEXTS:
        _require(record, name, str, place)
    for name in _INTEGERS:
        _require(record, name, int, place)
    record["replayed"] = record["status"] == "replay"
    record["ok"] = record["replayed"] or record["status"] == "ok"
    record["error"] = (record.pop("err", None) or {}).get("what", "")
    if not record["ok"]:
        return record
    _rounds(record, place)
    if record["replayed"]:
        return record
    for name in _SCALARS:
        _require(record, name, (int, float), place)
    record["out_ids"] = _array(record.get("out_ids"), int, "out_ids", place)
    if record["ready_us"] is None:
        raise ReadError(f"{place}: a record without 'ready_us'")
    return record


def read_scores(folder: Path) -> pd.DataFrame:
    """scores.jsonl; no rows where it is not there."""
    return _read_of_records(folder / "scores.jsonl", SCORE_COLUMNS, "a score")


def read_likelihoods(folder: Path) -> pd.DataFrame:
    """nll.jsonl; no rows where it is not there."""
    return _read_of_records(folder / "nll.jsonl", NLL_COLUMNS, "a likelihood")


def _read_of_records(path: Path, columns: list[str], what: str) -> pd.DataFrame:
    if not path.is_file():
        return pd.DataFrame(columns=columns)
    objects, _ = read_json_lines(path)
    for place, line in objects:
        for name in columns:
            if name not in line:
                raise ReadError(f"{place}: {what} without '{name}'")
    rows = [[np.nan if line[name] is None else line[name] for name in columns] for _, line in objects]
    return pd.DataFrame(rows, columns=columns)


class RecordSet:
    """All records of a run folder in the order of their files.  Of several with one key the last that succeeded stays."""

    def __init__(self, folder: Path):
        self.torn: list[str] = []  # files whose last line was left out
        self.superseded = 0  # attempts that a later one replaced
        self.duplicates: list[tuple] = []  # keys that succeeded twice: a fault of the writer
        self._kept: dict[tuple, dict] = {}
        for path in sorted((folder / "records").glob("*.jsonl")):
            objects, torn = read_json_lines(path)
            if torn:
                self.torn.append(str(path))
            for place, line in objects:
                self._add(parse_record(line, place))

    def _add(self, record: dict) -> None:
        key = (record["k"], *(record[name] for name in KEY))
        old = self._kept.get(key)
        if old is not None:
            self.superseded += 1
            if old["ok"] and record["ok"]:
                self.duplicates.append(key)
        if old is None or record["ok"] or not old["ok"]:
            self._kept[key] = record

    def of_kind(self, kind: str) -> list[dict]:
        return [record for record in self._kept.values() if record["k"] == kind]
