"""Our results on ImageNet-100 and VTAB beside the published ones, as Markdown and CSV; `linear_eval.report` makes them.

A section holds what was probed in one setting (network, protocol, training images). Its headline has one column for
ImageNet-100, or one for the mean of each group of VTAB's tasks, followed by a table of these tasks for each group. Rows
stand in the order of the paper's charts.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import mode
from typing import NamedTuple

import numpy as np

from datasets.vtab.tasks import GROUPS, TASKS
from linear_eval.results import Result, Setting, distinct, escaped, settings, task_of
from linear_eval.tables.correlation import FEWEST, rank_correlation
from linear_eval.tables.figures import FORMATS, save
from linear_eval.tables.paper_chart import Column, bar_chart
from linear_eval.tables.published import Figure, in_order, noise, published
from utils.files import write_bytes


class Section(NamedTuple):
    """What was probed in one setting."""

    setting: Setting
    headline: list[Column]
    details: list[list[Column]]  # tables of single tasks


def _by_name(results: Sequence[Result], task: str) -> dict[str, dict[int, float]]:
    """Accuracies on `task` by row and seed."""
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for result in results:
        if task_of(result) == task:
            found[result["encoder"]][result["seed"]] = result["accuracy"]
    return found


def imagenet_sections(results: Sequence[Result], task: str) -> list[Section]:
    """A section for each setting in which `task` ("imagenet100" or "imagenet1k") was probed."""
    results = [result for result in distinct(results) if task_of(result) == task]
    sections = []
    for setting in settings(results):
        ours = _by_name([result for result in results if setting.takes(result)], task)
        column = Column(task, {name: list(seeds.values()) for name, seeds in ours.items()}, {},
                        published(task, setting.architecture))
        sections.append(Section(setting, [column], []))
    return sections


def vtab_sections(results: Sequence[Result]) -> list[Section]:
    """A section for each setting in which tasks of VTAB were probed.

    The mean of a group is that of its tasks, unweighted, a value for each seed with which all of them were probed.
    """
    names = {task.full_name for task in TASKS.values()}
    results = [result for result in distinct(results) if task_of(result) in names]
    sections = []
    for setting in settings(results):
        taken = [result for result in results if setting.takes(result)]
        headline, details = [], []
        for group in GROUPS:
            by_task = {name: _by_name(taken, task.full_name) for name, task in TASKS.items() if task.group == group}
            details.append([Column(task, {name: list(seeds.values()) for name, seeds in found.items()}, {}, {})
                            for task, found in by_task.items()])
            headline.append(_group_mean(group, by_task, published(group, setting.architecture)))
        sections.append(Section(setting, headline, details))
    return sections


def _group_mean(group: str, by_task: dict[str, dict[str, dict[int, float]]], figures: dict[str, Figure]) -> Column:
    ours, partial = {}, {}
    for name in {name for found in by_task.values() for name in found}:
        seeds = sorted({seed for found in by_task.values() for seed in found.get(name, ())})
        has = {seed: [task for task, found in by_task.items() if seed in found.get(name, ())] for seed in seeds}
        complete = [seed for seed in seeds if len(has[seed]) == len(by_task)]
        if complete:
            ours[name] = [float(np.mean([found[name][seed] for found in by_task.values()])) for seed in complete]
        else:
            most = max(has.values(), key=len)
            missing = ", ".join(task for task in by_task if task not in most)
            partial[name] = f"{len(most)} of {len(by_task)} tasks, missing {missing}"
    return Column(group, ours, partial, figures)


def _table(columns: Sequence[Column], rows: Sequence[tuple[str, str]]) -> list[str]:
    """Lines of a Markdown table; columns with published figures have these and the difference beside them.

    How most of a column's figures were read stands in its head; where one was read otherwise, that stands beside it.
    """
    reads = [mode(figure.read for figure in column.figures.values()) if column.figures else "" for column in columns]
    heads = []
    for column, read in zip(columns, reads, strict=True):
        heads += [column.title, f"published ({read})", "difference"] if read else [column.title]
    lines = ["| | | " + " | ".join(heads) + " |", "|---|---|" + "---:|" * len(heads)]
    previous = ""
    for family, name in rows:
        texts = ["" if family == previous else family, escaped(name)]
        for column, read in zip(columns, reads, strict=True):
            mean, sd = column.mean(name), column.sd(name)
            spread = "" if sd is None else f" ± {sd:.2f}"
            texts.append(column.partial.get(name, "missing") if mean is None else
                         f"{mean:.2f}{spread} (n = {len(column.ours[name])})")
            if column.figures:
                figure = column.figures.get(name)
                other = f" ({figure.read})" if figure and figure.read != read else ""
                texts += [f"{figure or ''}{other}", _points(column.difference(name))]
        lines.append("| " + " | ".join(texts) + " |")
        previous = family
    return lines


def _points(difference: float | None) -> str:
    return "" if difference is None else f"{round(difference, 1) + 0.0:+.1f}"  # + 0.0 makes -0.0 0.0


def _correlation(column: Column) -> str:
    names = [name for name in noise() if column.difference(name) is not None]
    if len(names) < FEWEST:
        return ""
    rho, p = rank_correlation([column.mean(name) for name in names], [column.figures[name].value for name in names])
    return (f"{column.title}: Spearman's rank correlation with the published figures {rho:+.2f} over {len(names)} "
            f"noise datasets (two-sided p = {p:.2g}, by permutation).")


def _names(columns: Sequence[Column]) -> set[str]:
    return set().union(*(column.names() for column in columns))


def markdown(title: str, sections: Sequence[Section]) -> str:
    """The document: for each section the headline beside the published figures, and tables of single tasks."""
    text = ("Top-1 accuracy in percent: mean ± standard deviation over n seeds; differences in points. What was not "
            "measured is shown as missing.")
    if any(section.details for section in sections):
        text += (" The mean of a group is that of its tasks, unweighted, over seeds with which all of them were "
                 "measured. Accuracies of single tasks were not published.")
    lines = [f"# {title}", "", text]
    for setting, headline, details in sections:
        lines += ["", f"## {str(setting)[0].upper()}{str(setting)[1:]}", "",
                  *_table(headline, in_order(_names(headline)))]
        for note in filter(None, map(_correlation, headline)):
            lines += ["", note]
        for columns in details:
            if names := _names(columns):
                lines += ["", *_table(columns, in_order(names))]
    figures = [figure for section in sections for column in section.headline for figure in column.figures.values()]
    for source in dict.fromkeys(f"Published: {figure.what}; {figure.source}." for figure in figures):
        lines += ["", source]
    return "\n".join([*lines, ""])


def comma_separated(sections: Sequence[Section]) -> str:
    """The same as CSV, one line a row and column; what was not measured has n = 0 and empty numbers."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*Setting._fields, "family", "encoder", "measured_on", "n", "accuracy_mean", "accuracy_sd",
                     "published", "published_read", "difference", "note"])
    for setting, headline, details in sections:
        how = setting._replace(limit="all" if setting.selection == "all" else setting.limit)
        for columns in [headline, *details]:
            for family, name in in_order(_names(columns)):
                for column in columns:
                    figure = column.figures.get(name)
                    numbers = ["" if x is None else f"{x:.4f}" for x in (column.mean(name), column.sd(name))]
                    gap = column.difference(name)
                    writer.writerow([*how, family, name, column.title, len(column.ours.get(name, [])), *numbers,
                                     figure or "", figure.read if figure else "", "" if gap is None else f"{gap:.4f}",
                                     column.partial.get(name, "")])
    return text.getvalue()


def left_out(results: Sequence[Result]) -> list[str]:
    """The tasks with results that these tables leave out, because some of the task's images were missing."""
    names = {"imagenet100", "imagenet1k", *(task.full_name for task in TASKS.values())}
    return sorted({result["task"] for result in results if result["task"] in names and task_of(result) not in names})


def write_paper_tables(results: Sequence[Result], output: Path, formats: Sequence[str] = FORMATS[:1]) -> list[str]:
    """Write <name>.md, .csv and a figure to the folder `output` for each of imagenet100, imagenet1k and vtab that has
    results; returns the names of the files."""
    written = []
    for name, title, sections in (("imagenet100", "ImageNet-100", imagenet_sections(results, "imagenet100")),
                                  ("imagenet1k", "ImageNet-1k", imagenet_sections(results, "imagenet1k")),
                                  ("vtab", "VTAB", vtab_sections(results))):
        if sections:
            write_bytes(output / f"{name}.md", markdown(title, sections).encode())
            write_bytes(output / f"{name}.csv", comma_separated(sections).encode())
            panels = [(str(section.setting), column) for section in sections for column in section.headline]
            written += [f"{name}.md", f"{name}.csv", *save(bar_chart(panels), output / name, formats)]
    return written
