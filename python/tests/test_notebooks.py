"""The check of notebooks sees what should not lie in git.  Licence: Apache-2.0."""

import copy
import sys
import unittest

from support import ROOT

sys.path.insert(0, str(ROOT / "tools"))
try:
    import nbformat
    import notebooks
except ImportError:
    notebooks = None


@unittest.skipUnless(notebooks, "nbformat or nbclient is missing")
class Notebooks(unittest.TestCase):
    def setUp(self):
        paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
        self.assertEqual([path.name[:2] for path in paths], [f"{n:02d}" for n in range(8)])
        self.all = [nbformat.read(path, as_version=4) for path in paths]
        self.one = copy.deepcopy(self.all[0])
        self.code = [cell for cell in self.one.cells if cell.cell_type == "code"]

    def test_those_here_are_clean(self):
        for notebook in self.all:
            self.assertEqual(notebooks.faults(notebook), [])

    def test_outputs_are_seen(self):
        self.code[1].outputs = [nbformat.v4.new_output("stream", text="left")]
        self.assertRegex(notebooks.faults(self.one)[0], "has outputs")

    def test_a_count_of_executions_is_seen(self):
        self.code[1].execution_count = 3
        self.assertRegex(notebooks.faults(self.one)[0], "has outputs")

    def test_missing_parameters_are_seen(self):
        self.code[0].metadata = {}
        self.assertRegex(notebooks.faults(self.one)[0], "not tagged 'parameters'")


if __name__ == "__main__":
    unittest.main()
