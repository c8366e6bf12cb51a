"""Records in other formats.  Licence: Apache-2.0."""

from __future__ import annotations

import os
from pathlib import Path

from .run import Run


def to_parquet(run: Run, folder: "str | os.PathLike[str]") -> list[Path]:
    """Writes records.parquet (one row a record, arrays as lists) and rounds.parquet (one row a round, with the notes).

    Needs pyarrow and throws ImportError where it is missing.
    """
    try:
        import pyarrow  # noqa: F401  (pandas would try another engine and then complain of both)
    except ImportError as error:
        raise ImportError("to_parquet needs pyarrow, which is not installed: pip install pyarrow") from error
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tables = {"records": run.records.drop(columns=["notes"], errors="ignore"), "rounds": run.rounds}
    paths = [folder / f"{name}.parquet" for name in tables]
    for path, table in zip(paths, tables.values()):
        table.to_parquet(path, engine="pyarrow", index=False)
    return paths
