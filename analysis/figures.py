"""Figures of a report: all measures with their intervals, spectra, and colours."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from analysis.measures.every import MEASURES
from analysis.records import Record, value
from utils.figures import save_figure

INK, REAL = "#3b6ea5", "#b0413e"
ACROSS = 2  # panels in a row


def bare(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)


def measures_figure(real: Record, sets: Sequence[Record], path: Path) -> None:
    """A panel for each measure, a row for each set; the real set's own value is a line."""
    rows = -(-len(MEASURES) // ACROSS)
    figure = Figure(figsize=(7.5, rows * (0.9 + 0.17 * len(sets))), layout="constrained")
    panels = figure.subplots(rows, ACROSS, sharey=True, squeeze=False).ravel()
    for axes, (name, about) in zip(panels, MEASURES.items(), strict=False):
        shown = [(k, one["measures"][name]) for k, one in enumerate(sets) if value(one, name) is not None]
        for k, found in shown:
            axes.plot([found["low"], found["high"]], [k, k], color=INK, linewidth=1.5)
        axes.plot([found["value"] for _, found in shown], [k for k, _ in shown], "o", color=INK, markersize=4)
        if value(real, name) is not None:
            axes.axvline(value(real, name), color=REAL, linewidth=1)
        axes.set_title(about.title, fontsize=9)
        axes.tick_params(labelsize=7)
        bare(axes)
    panels[0].set_yticks(range(len(sets)), [one["name"] for one in sets])
    panels[0].invert_yaxis()
    for axes in panels[len(MEASURES):]:
        axes.set_visible(False)
    save_figure(figure, path)


def spectra_figure(real: Record, sets: Sequence[Record], path: Path) -> None:
    """Mean amplitude over frequency, all 1 at the first frequency of the fit."""
    figure = Figure(figsize=(7, 4.6), layout="constrained")
    axes = figure.subplots()
    low, high = real["spectrum"]["fit_from"], real["spectrum"]["fit_to"]
    for k, one in enumerate([*sets, real]):
        amplitude = np.array(one["spectrum"]["amplitude"])
        style = {"color": "black", "linewidth": 2.5} if one is real else {
            "color": f"C{k % 10}", "linestyle": ("-", "--", ":")[k // 10 % 3], "linewidth": 1.2}
        axes.loglog(np.arange(1, len(amplitude) + 1), amplitude / max(amplitude[low - 1], 1e-12), **style,
                    label=f"{one['name']}, {value(one, 'spectrum'):.2f}")
    axes.axvspan(low, high, color="0.93", zorder=0)
    axes.set(xlabel="cycles an image (shaded: the range of the fit)", ylabel="mean amplitude, relative",
             ylim=(3e-3, 20))
    axes.legend(fontsize=6.5, loc="upper left", bbox_to_anchor=(1, 1), title="set, exponent", title_fontsize=7)
    bare(axes)
    save_figure(figure, path)


def colours_figure(real: Record, sets: Sequence[Record], path: Path) -> None:
    """One standard deviation around the mean of a* and b*, the plane of hue and saturation."""
    figure = Figure(figsize=(7, 4.6), layout="constrained")
    axes = figure.subplots()
    angle = np.linspace(0, 2 * np.pi, 100)
    for k, one in enumerate([*sets, real]):
        mean, covariance = (np.array(one["colour"][key]) for key in ("mean", "covariance"))
        ellipse = mean[1:, None] + np.linalg.cholesky(covariance[1:, 1:]) @ [np.cos(angle), np.sin(angle)]
        style = {"color": "black", "linewidth": 2.5} if one is real else {
            "color": f"C{k % 10}", "linestyle": ("-", "--", ":")[k // 10 % 3], "linewidth": 1.2}
        axes.plot(*ellipse, **style, label=f"{one['name']}, L* {mean[0]:.0f} ± {covariance[0, 0] ** 0.5:.0f}")
    axes.set(xlabel="a* (green to red)", ylabel="b* (blue to yellow)", aspect="equal")
    axes.legend(fontsize=6.5, loc="upper left", bbox_to_anchor=(1.02, 1))
    bare(axes)
    save_figure(figure, path)
