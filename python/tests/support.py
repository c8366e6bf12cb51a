"""Runs for the tests: the committed fixtures, and copies of them with something changed.  Licence: Apache-2.0."""

import json
import pathlib
import shutil
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUNS = ROOT / "python" / "fixtures" / "runs"
GREEDY = RUNS / "compare" / "temperature-0"
SAMPLED = RUNS / "compare" / "temperature-1"
LENGTHS = RUNS / "draft-length"


class CopiedRun(unittest.TestCase):
    """self.run_folder is a copy of a fixture that a test may spoil."""

    fixture = LENGTHS / "length-2"

    def setUp(self):
        folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        self.run_folder = folder / "run"
        shutil.copytree(self.fixture, self.run_folder)
        self.records_file = self.run_folder / "records" / "s000-of-001.jsonl"

    def lines(self):
        return self.records_file.read_text().splitlines()

    def write(self, lines, end="\n"):
        self.records_file.write_text("\n".join(lines) + end)

    def first(self, **wanted):
        """The number of the first line whose keys have these values."""
        for number, line in enumerate(self.lines()):
            record = json.loads(line)
            if all(record[name] == value for name, value in wanted.items()):
                return number
        raise AssertionError(f"no record with {wanted}")

    def change(self, number, **values):
        """Writes one line anew with other values."""
        lines = self.lines()
        lines[number] = json.dumps({**json.loads(lines[number]), **values})
        self.write(lines)
