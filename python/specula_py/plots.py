"""Plots of runs.  Each function draws into the axes that it is given (or into new ones) and returns them.

Colours are those of Okabe and Ito 2008, which people with any colour vision can tell apart; lines differ in their markers too.
Licence: Apache-2.0.
"""

from __future__ import annotations

from typing import Optional, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogFormatter

from .metrics import Metrics, accepted_histogram, paired_times, phase_times, positions
from .run import Run

COLOURS = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000"]
MARKERS = "osD^vPX*"
GREY = "#777777"


def style() -> None:
    """Colours and frames of all plots that follow."""
    plt.rcParams.update({"axes.prop_cycle": plt.cycler(color=COLOURS), "axes.spines.top": False, "axes.spines.right": False,
                         "axes.grid": True, "grid.color": "#e5e5e5", "axes.axisbelow": True, "figure.dpi": 100,
                         "legend.frameon": False, "figure.constrained_layout.use": True})


def look(run: Run, arm: str) -> dict:
    """Colour and marker of an arm: the same in every plot of the run."""
    place = run.arms.index(arm)
    return {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}


def _axes(ax: Optional[Axes], width: float = 6.0, height: float = 3.6) -> Axes:
    return ax if ax is not None else plt.subplots(figsize=(width, height))[1]


def plain_numbers(ax: Axes) -> None:
    """Ticks of logarithmic axes as people write them: 6, not 6 x 10^0."""
    for axis in [ax.xaxis, ax.yaxis]:
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(LogFormatter(labelOnlyBase=False, minor_thresholds=(2, 0.5)))


def drafting_arms(run: Run) -> list[str]:
    return [arm for arm in run.arms if run.of(arm)["drafted"].map(np.sum).sum() > 0]


def forest(metrics: Metrics, metric: str = "speedup", cats: bool = False, ax: Optional[Axes] = None) -> Axes:
    """A metric of every arm but the baseline with its interval, over all prompts and, if asked, for each category."""
    run = metrics.run
    arms = [arm for arm in run.arms if arm != run.baseline]
    levels = [None, *(run.categories if cats else [])]
    ax = _axes(ax, height=0.6 + 0.28 * len(arms) * len(levels))
    labels = []
    for arm in arms:
        for cat in levels:
            e = metrics.estimate(arm, metric, cat)
            y = len(labels)
            labels.append(arm if cat is None else f"{cat}  ")
            ax.plot(e.interval, [y, y], color=look(run, arm)["color"], lw=2 if cat is None else 1)
            ax.plot(e.value, y, **look(run, arm), ms=7 if cat is None else 4)
    ax.set_yticks(range(len(labels)), labels)
    ax.invert_yaxis()
    ax.axvline(1, color=GREY, lw=1, ls="--")
    ax.set_xlabel(f"{metric} against {run.baseline}, 95 % interval")
    return ax


def pair_scatter(run: Run, arms: Optional[Sequence[str]] = None, ax: Optional[Axes] = None) -> Axes:
    """Time per token of each pair: below the diagonal the arm was faster."""
    ax = _axes(ax, 4.6, 4.4)
    low, high = np.inf, 0.0
    for arm in arms or [arm for arm in run.arms if arm != run.baseline]:
        times = paired_times(run, arm)
        x, y = times["e2e_us_ref"] / times["n_ref"] * 1e-3, times["e2e_us"] / times["n"] * 1e-3
        look_of = look(run, arm)
        ax.scatter(x, y, s=18, alpha=0.7, label=arm, color=look_of["color"], marker=look_of["marker"])
        low, high = min(low, x.min(), y.min()), max(high, x.max(), y.max())
    ax.plot([low, high], [low, high], color=GREY, lw=1, ls="--")
    ax.set(xscale="log", yscale="log", xlabel=f"{run.baseline}: ms per token", ylabel="arm: ms per token")
    plain_numbers(ax)
    ax.legend()
    return ax


def acceptance_by_depth(run: Run, arm: str, alpha: float = np.nan, ax: Optional[Axes] = None) -> Axes:
    """Marginal and conditional acceptance, and what they would be if every token were accepted independently at `alpha`."""
    ax = _axes(ax)
    table = positions(run, arm)
    ax.plot(table["depth"], table["pos_marginal"], marker="o", color=COLOURS[0], label="marginal: accepted / drafted")
    ax.plot(table["depth"], table["pos_cond"], marker="s", color=COLOURS[1], label="conditional: accepted / tested")
    if np.isfinite(alpha):
        ax.plot(table["depth"], alpha ** table["depth"], color=GREY, ls="--", label=f"i.i.d. at alpha = {alpha:.2f}")
        ax.axhline(alpha, color=GREY, lw=0.8, ls=":")
    ax.set(xlabel="depth in the draft", ylabel="fraction accepted", ylim=(0, 1.02), title=arm, xticks=table["depth"])
    ax.legend()
    return ax


def accepted_lengths(run: Run, arms: Optional[Sequence[str]] = None, ax: Optional[Axes] = None) -> Axes:
    """Share of rounds that accepted n tokens."""
    ax = _axes(ax)
    arms = list(arms or drafting_arms(run))
    width = 0.8 / len(arms)
    for i, arm in enumerate(arms):
        counts = accepted_histogram(run, arm)
        ax.bar(np.arange(len(counts)) + (i - (len(arms) - 1) / 2) * width, counts / counts.sum(), width, label=arm,
               color=look(run, arm)["color"])
    ax.set(xlabel="tokens accepted in a round", ylabel="share of rounds")
    ax.legend()
    return ax


def acceptance_along_text(run: Run, arm: str, bin_tok: int = 8, ax: Optional[Axes] = None) -> Axes:
    """Mean kept tokens of the rounds that begin at a place in the text, with the standard error over prompts."""
    ax = _axes(ax)
    table = kept_along_text(run, arm, bin_tok)
    look_of = look(run, arm)
    ax.errorbar(table["at_tok"], table["mean"], yerr=table["error"], **look_of, capsize=2, label=arm)
    ax.set(xlabel="generated tokens before the round", ylabel="kept tokens in the round", ylim=(0, None))
    ax.legend()
    return ax


def kept_along_text(run: Run, arm: str, bin_tok: int = 8) -> pd.DataFrame:
    """What acceptance_along_text draws: at_tok (middle of the bin), mean, error, rounds.  Cut rounds are left out."""
    rounds = run.rounds
    here = rounds[(rounds["arm"] == arm) & ~rounds["cut"]]
    bins = here["at_tok"] // bin_tok
    of_prompt = here.groupby([bins, here["prompt"]])["kept"].mean()
    spread = of_prompt.groupby(level=0)
    table = pd.DataFrame({"at_tok": (spread.mean().index + 0.5) * bin_tok, "mean": here.groupby(bins)["kept"].mean().to_numpy(),
                          "error": (spread.std() / np.sqrt(spread.size())).to_numpy(), "rounds": bins.value_counts().sort_index().to_numpy()})
    return table


def phases(run: Run, ax: Optional[Axes] = None) -> Axes:
    """Fenced time per kept token of every arm, by phase."""
    ax = _axes(ax)
    names = ["prefill", "draft", "target", "verify", "commit", "observe", "other"]
    arms = [arm for arm in run.arms if phase_times(run, arm)]
    left = np.zeros(len(arms))
    tokens = [run.traces[run.traces["arm"] == arm]["out_ids"].map(len).sum() for arm in arms]
    for name, colour in zip(names, COLOURS):
        ms = np.array([phase_times(run, arm)[name] * 1e3 for arm in arms]) / tokens
        ax.barh(arms, ms, left=left, label=name, color=colour, edgecolor="white", lw=0.5)
        left += ms
    ax.invert_yaxis()
    ax.set_xlabel("ms per kept token (fenced pass)")
    ax.legend(ncol=4, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, 1.25))
    return ax


def pareto_front(x: Sequence[float], y: Sequence[float]) -> np.ndarray:
    """Which points no other beats: none has at least as much of both and more of one."""
    points = np.column_stack([x, y]).astype(float)
    beats = [((points >= p).all(axis=1) & (points > p).any(axis=1)).any() for p in points]
    return ~np.array(beats)
