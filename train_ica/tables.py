"""Tables and a figure of result files, with the paper's numbers beside ours.

    python -m train_ica.tables results/latent_recovery      # writes table.md and curves.png there, and prints the table

The paper's numbers are recalled, not read off it, but for the one marked ✔; they are for ten dimensions, batch 6144 and
300,000 steps. Ours are the mean over seeds, ± their standard deviation; a group of rows has one scale, said above it.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from utils.cli import UserError, parser, run
from utils.figures import save_figure
from utils.files import read_record, write_bytes

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # after the backend is chosen

PAPER = {  # row: which score the paper gives, and its value
    "sphere-vmf1:identity": ("r2", "67.0 ± 2.8"), "sphere-vmf1:supervised": ("r2", "99.7"),
    "sphere-vmf1": ("r2", "99.4"), "sphere-vmf10": ("r2", "99.9"), "sphere-laplace": ("r2", "99.9"),
    "sphere-normal": ("r2", "99.9"), "sphere-normal-laplace": ("r2", "99.0"), "sphere-normal-normal": ("r2", "99.0"),
    "unbounded-laplace": ("r2", "98.1"), "unbounded-normal": ("r2", "98.8"),
    "box-laplace:identity": ("mcc", "46.6 ± 1.3"), "box-laplace:supervised": ("mcc", "99.9"),
    "box-laplace": ("mcc", "98.6"), "box-gennorm3": ("mcc", "99.9"), "box-normal": ("mcc", "99.8"),
    "box-laplace-unbounded": ("mcc", "98.6"), "box-gennorm3-unbounded": ("mcc", "99.9"),
    "box-normal-unbounded": ("mcc", "58.3 ± 3.0"), "box-laplace-unbounded-normal": ("mcc", "59.7 ± 2.3"),
    "box-normal-unbounded-gennorm3": ("mcc", "43.8 ± 2.2"),
    "3dident-normal": ("mcc", "98.3 ✔"), "3dident-normal-unbounded": ("mcc", "54.9"),
}
DRAWN = ("box-normal", "box-normal-unbounded", "box-laplace", "box-laplace-unbounded-normal")


Groups = dict[str, dict[tuple[str, int], list[dict[str, Any]]]]


def read_results(folder: Path) -> Groups:
    """Results by scale (as a heading), and then by row and steps, which are 0 where nothing is trained. Raises
    UserError if there are none."""
    groups: Groups = defaultdict(lambda: defaultdict(list))
    for path in sorted(folder.glob("*.json")):
        one = read_record(path, row=str, r2=float, mcc=float, n=list, seed=int, steps=int, curve=list)
        scale = (f"n = {'+'.join(map(str, one['n']))}, {one['batch_size']} pairs a step, "
                 f"{one['encoder']} encoder{', ' + Path(one['data']).name if one.get('data') else ''}")
        groups[scale][one["row"], 0 if one["mode"] == "identity" else one["steps"]].append(one)
    if not groups:
        raise UserError(f"{folder} holds no result files; make some: python -m train_ica.study --help")
    return groups


def mean(results: list[dict[str, Any]], score: str) -> str:
    values = 100 * np.array([one[score] for one in results])
    return f"{values.mean():.2f}" + (f" ± {values.std(ddof=1):.2f}" if len(values) > 1 else "")


def table(groups: Groups) -> str:
    """Markdown, all scores in percent."""
    lines = []
    for scale, rows in groups.items():
        lines += [f"**{scale}**", "", "| row | steps | seeds | R² | MCC | paper, n = 10 (recalled) |",
                  "|---|---|---|---|---|---|"]
        order = [*PAPER, *(row for row, _ in rows if row not in PAPER)]
        for row, steps in sorted(rows, key=lambda key: (order.index(key[0]), key[1])):
            name, value = PAPER.get(row, ("", ""))
            beside = f"{ {'r2': 'R²', 'mcc': 'MCC'}[name]} {value}" if name else "-"
            results = rows[row, steps]
            lines.append(f"| {row} | {f'{steps:,}' if steps else '-'} | {len(results)} | {mean(results, 'r2')} | "
                         f"{mean(results, 'mcc')} | {beside} |")
        lines.append("")
    machines = sorted({one["hardware"] for rows in groups.values() for results in rows.values() for one in results})
    return "\n".join([*lines, f"Made on {'; '.join(machines)}.", ""])


def figure(groups: Groups, path: Path) -> bool:
    """R² and MCC over steps of the rows DRAWN, a line for each seed; False if no scale has two of them."""
    scale, rows = max(groups.items(), key=lambda item: len({row for row, _ in item[1]} & set(DRAWN)))
    drawn = sorted((key for key in rows if key[0] in DRAWN), key=lambda key: DRAWN.index(key[0]))
    if len(drawn) < 2:
        return False
    chart, panels = plt.subplots(1, 2, figsize=(10, 3.6), sharex=True, sharey=True)
    for panel, column, name in zip(panels, (1, 2), ("R²", "MCC"), strict=True):
        for k, row in enumerate(drawn):
            for number, one in enumerate(rows[row]):
                points = np.array(one["curve"])
                panel.plot(points[:, 0], points[:, column], color=f"C{k}", marker=".", markersize=4,
                           label=None if number else row[0])
        panel.set(title=name, xlabel="steps", ylim=(0, 1.02))
        panel.grid(alpha=0.3)
    panels[0].legend(fontsize=8)
    chart.suptitle(f"Matched and mismatched models ({scale})", fontsize=10)
    chart.tight_layout()
    save_figure(chart, path)
    plt.close(chart)
    return True


def main() -> None:
    p = parser("python -m train_ica.tables", __doc__)
    p.add_argument("results", type=Path, help="folder of result files")
    folder = p.parse_args().results
    groups = read_results(folder)
    text = table(groups)
    write_bytes(folder / "table.md", text.encode())
    figure(groups, folder / "curves.png")
    print(text)


if __name__ == "__main__":
    run(main)
