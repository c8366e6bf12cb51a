#!/usr/bin/env python3
"""Executes notebooks in place of a reader:  tools/notebooks.py [NAME.ipynb ...]   (default: all of notebooks/)

Before that, each must be as it should lie in git: without outputs, its first code cell tagged `parameters`.
--strip takes the outputs out instead; --write FOLDER keeps the executed copies.  Licence: Apache-2.0.
"""

import argparse
import pathlib
import sys
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "notebooks"
TIMEOUT_S = 60  # of a notebook on a quiet machine; a cell may take as long on a busy one


def faults(notebook) -> list:
    """What keeps a notebook from being committed."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    found = [f"cell {i} has outputs; strip them with tools/notebooks.py --strip" for i, cell in enumerate(notebook.cells)
             if cell.get("outputs") or cell.get("execution_count")]
    if not code or "parameters" not in code[0].metadata.get("tags", []) or not code[0].source.startswith("RUNS = ["):
        found.append("its first code cell is not tagged 'parameters', or does not begin with RUNS = [")
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        found.append("its kernel is not 'python3'")
    return found


def strip(path: pathlib.Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.metadata = {"tags": cell.metadata["tags"]} if "tags" in cell.metadata else {}
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
                         "language_info": {"name": "python"}}
    nbformat.write(notebook, path)


def execute(path: pathlib.Path, keep_in) -> str:
    """What went wrong, "" if nothing did."""
    notebook = nbformat.read(path, as_version=4)
    try:
        NotebookClient(notebook, timeout=TIMEOUT_S, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}).execute()
    except (CellExecutionError, CellTimeoutError) as error:
        return str(error)
    finally:
        if keep_in:
            keep_in.mkdir(parents=True, exist_ok=True)
            nbformat.write(notebook, keep_in / path.name)
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=pathlib.Path)
    parser.add_argument("--strip", action="store_true", help="take the outputs out and execute nothing")
    parser.add_argument("--write", type=pathlib.Path, metavar="FOLDER", help="keep the executed copies here")
    arguments = parser.parse_args()
    paths = [path.resolve() for path in arguments.notebooks] or sorted(FOLDER.glob("*.ipynb"))
    failed = 0
    for path in paths:
        if arguments.strip:
            strip(path)
            continue
        start = time.monotonic()
        problems = faults(nbformat.read(path, as_version=4)) or [execute(path, arguments.write)]
        problems = [problem for problem in problems if problem]
        failed += bool(problems)
        print(f"{path.name}: {'failed' if problems else 'passed'} ({time.monotonic() - start:.0f} s)", *problems, sep="\n  ", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
