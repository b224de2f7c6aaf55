"""The report of result files: report.md with its figures, and report.html, one page that holds everything.

    python -m analysis.report runs/analysis

`python -m analysis` writes it too. Nothing is measured again; a sheet of images is shown where it lies beside its
result.
"""

from pathlib import Path

from analysis.figures import colours_figure, measures_figure, spectra_figure
from analysis.measures.every import MEASURES
from analysis.page import Block, Heading, Picture, Table, Text, said, write_both
from analysis.records import Record, feature_space, read_records, value
from utils.cli import parser, run


def number(record: Record, measure: str) -> str:
    """'1.23 (1.20–1.26)'; empty where a set has no value."""
    if value(record, measure) is None:
        return ""
    found = record["measures"][measure]
    return f"{_digits(found['value'])} ({_digits(found['low'])}–{_digits(found['high'])})"


def _digits(x: float) -> str:
    return f"{x:.3g}" if abs(x) < 100 else f"{x:.0f}"


def table(real: Record, sets: list[Record]) -> Table:
    """A row for each set, a column for each measure."""
    header = ["", *(about.title for about in MEASURES.values())]
    return Table(header, [[f"{one['name']} (real)" if one is real else one["name"],
                           *(number(one, name) for name in MEASURES)] for one in (real, *sets)])


def remarks(records: list[Record]) -> list[Block]:
    """What to know of the numbers: each remark once, with the sets that it is about."""
    found: dict[str, list[str]] = {}
    for record in records:
        for remark in (*record["warnings"], *record["notes"]):
            found.setdefault(remark, []).append(record["name"])
    rows = [[remark, "all sets" if len(names) == len(records) else ", ".join(names)] for remark, names in found.items()]
    return [Heading("To be careful about"), Table(["remark", "of"], rows, text=(0, 1))] if rows else []


def write_report(folder: Path) -> None:
    """report.md, report.html and their figures, from the results in `folder`. Raises UserError (`read_records`)."""
    real, sets = read_records([folder])
    records = [real, *sets]
    commands = list(dict.fromkeys(record["command"] for record in records))
    own = len(commands) + 1
    figures = folder / "figures"
    figures.mkdir(exist_ok=True)
    blocks: list[Block] = [
        Text(f"{len(sets)} {'set' if len(sets) == 1 else 'sets'} of images beside {real['name']}, "
             f"{real['images']:,} real images. All were brought to {real['pixels']}×{real['pixels']} pixels first. "
             f"Feature space: {feature_space(real)}. In brackets: 95 % intervals by bootstrap over the images of the "
             "set; those of the real set stay."),
        table(real, sets), *remarks(records)]
    for name, draw, caption in (
            ("measures", measures_figure, f"All measures with their intervals; red: {real['name']}"),
            ("spectra", spectra_figure, f"Mean amplitude spectra; black: {real['name']}"),
            ("colours", colours_figure, f"One standard deviation of colour; black: {real['name']}")):
        if sets:
            draw(real, sets, figures / f"{name}.png")
            blocks.append(Picture(figures / f"{name}.png", caption, own))
    sheets = [
        Picture(sheet, f"{record['name']}, {record['images']:,} images measured", commands.index(record["command"]) + 1)
        for record in records if (sheet := record["file"].with_suffix(".png")).exists()]
    blocks += [Heading("Images"), *sheets] if sheets else []
    blocks += [Heading("Measures"), Table(
        ["measure", "what it says", "definition"],
        [[about.title, about.meaning, "recalled from the paper; made precise by us" if about.own == "recalled"
          else about.own] for about in MEASURES.values()], text=(1, 2))]
    write_both(folder, "report", f"Sets of images beside {real['name']}", blocks,
               [*commands, said("analysis.report", [str(folder)])])


def main() -> None:
    p = parser("python -m analysis.report", __doc__)
    p.add_argument("results", type=Path, help="folder of result files; the report appears in it")
    folder = p.parse_args().results
    write_report(folder)
    print(f"{folder}/report.html, {folder}/report.md")


if __name__ == "__main__":
    run(main)
