"""How varied and how repetitive texts are, from their token ids alone.  Licence: Apache-2.0."""

from __future__ import annotations

from typing import Any, Iterable, Optional

DISTINCT_METRICS = {"distinct_1": 1, "distinct_2": 2}  # and their n
_REPEATED = 4  # as seq-rep-4 of Welleck et al. 2020


def ngrams(ids: Iterable[int], n: int) -> list[tuple[int, ...]]:
    """In the order of the text, each as often as it stands there."""
    tokens = [int(token) for token in ids]
    return [tuple(tokens[i:i + n]) for i in range(len(tokens) - n + 1)]


def repeated(record: dict[str, Any]) -> tuple[float, float]:
    """4-grams of a record's text that stood in it before, and all of them."""
    found = ngrams(record["out_ids"], _REPEATED)
    return len(found) - len(set(found)), len(found)


def distinct_share(records: list[dict[str, Any]], n: int) -> Optional[float]:
    """Different n-grams of all texts together over all of them, each repetition by itself; None: there are none."""
    if any(record["replayed"] for record in records):
        return None
    different = total = 0
    for rep in {record["rep"] for record in records}:
        found = [gram for record in records if record["rep"] == rep for gram in ngrams(record["out_ids"], n)]
        different += len(set(found))
        total += len(found)
    return different / total if total else None
