"""Tables and numbers for a paper, so that nothing is typed by hand.  Licence: Apache-2.0."""

from __future__ import annotations

import re

import pandas as pd

from .metrics import Estimate

_SPECIAL = {"&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
            "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
_DIGITS = ["Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"]


def latex_text(text: object) -> str:
    return "".join(_SPECIAL.get(c, c) for c in str(text))


def latex_table(table: pd.DataFrame, caption: str, label: str) -> str:
    """A booktabs table of the columns as they are, the index first; texts to the left, all else to the right."""
    columns = [table.index.name or "", *table.columns]
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{latex_text(caption)}}}", rf"\label{{{label}}}",
             rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}", r"\toprule",
             " & ".join(latex_text(c) for c in columns) + r" \\", r"\midrule"]
    lines += [" & ".join(latex_text(cell) for cell in row) + r" \\" for row in table.itertuples()]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"]) + "\n"


def macro_name(*words: str) -> str:
    r"""A name that TeX takes, of letters alone: ("sps-g4", "tau") gives SpsGFourTau."""
    parts = re.findall(r"[A-Za-z]+|[0-9]", " ".join(words).replace("_", " "))
    return "".join(_DIGITS[int(part)] if part.isdigit() else part[0].upper() + part[1:] for part in parts)


def latex_numbers(estimates: "dict[tuple[str, str], Estimate]") -> str:
    r"""One \newcommand for each (arm, metric): a text cites \SpsGFourTau and never holds a retyped number."""
    lines = [rf"\newcommand{{\{macro_name(*key)}}}{{{e.value:.3g}}}" for key, e in estimates.items()]
    return "\n".join(lines) + "\n"
