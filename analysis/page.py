"""A report as blocks, and the two files that are made of it: Markdown beside its figures, and one HTML page.

The page holds its pictures, asks nothing of a network, has no scripts, and scrolls what is wide within itself.
"""

import base64
import html
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from linear_eval.results import escaped
from utils.files import write_bytes

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 0.5rem 1rem 3rem; }
h1, h2 { line-height: 1.2; }
img { display: block; min-width: 38rem; max-width: 100%; height: auto; background: white; }
figure { margin: 1.5rem 0; overflow-x: auto; }
figcaption { font-size: 0.9em; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85em; }
th, td { border-bottom: 1px solid #8886; padding: 0.25em 0.6em; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
td.text { text-align: left; white-space: normal; min-width: 16rem; }
pre { overflow-x: auto; background: #8882; padding: 0.6em; }
"""


@dataclass(frozen=True)
class Text:
    words: str


@dataclass(frozen=True)
class Heading:
    words: str


@dataclass(frozen=True)
class Table:
    """The first column and those in `text` are words, the others numbers."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    text: Sequence[int] = ()


@dataclass(frozen=True)
class Picture:
    """A PNG file, and the number of the command that made it."""

    path: Path
    caption: str
    command: int


Block = Text | Heading | Table | Picture


def said(module: str, arguments: Sequence[str]) -> str:
    """The command as a reader may repeat it: paths outside the working folder by their last part only, so that no
    result names a place of this machine."""
    return shlex.join(["python", "-m", module, *(Path(word).name if Path(word).is_absolute() else word
                                                 for word in arguments)])


def markdown(title: str, blocks: Sequence[Block], commands: Sequence[str], folder: Path) -> str:
    lines = [f"# {title}", ""]
    for block in blocks:
        match block:
            case Text(words):
                lines += [words, ""]
            case Heading(words):
                lines += [f"## {words}", ""]
            case Table(header, rows, text):
                sides = ["---" if k == 0 or k in text else "---:" for k in range(len(header))]
                lines += ["| " + " | ".join(map(escaped, row)) + " |" for row in (header, sides, *rows)] + [""]
            case Picture(path, caption, command):
                name = os.path.relpath(path, folder).replace(" ", "%20")
                lines += [f"![{caption}]({name})", "", f"{caption} ([command {command}](#commands))", ""]
    lines += ["## Commands", ""]
    lines += [f"{number}. `{command}`" for number, command in enumerate(commands, 1)]
    return "\n".join([*lines, ""])


def page(title: str, blocks: Sequence[Block], commands: Sequence[str]) -> str:
    lines = ["<!DOCTYPE html>", '<html lang="en"><head><meta charset="utf-8">',
             '<meta name="viewport" content="width=device-width, initial-scale=1">',
             f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body>",
             f"<h1>{html.escape(title)}</h1>"]
    for block in blocks:
        match block:
            case Text(words):
                lines.append(f"<p>{html.escape(words)}</p>")
            case Heading(words):
                lines.append(f"<h2>{html.escape(words)}</h2>")
            case Table(header, rows, text):
                lines += ['<div class="wide"><table>', _row("th", header, ()), *(_row("td", row, text) for row in rows),
                          "</table></div>"]
            case Picture(path, caption, command):
                data = base64.b64encode(path.read_bytes()).decode()
                lines.append(f'<figure><img src="data:image/png;base64,{data}" alt="{html.escape(caption)}">'
                             f'<figcaption>{html.escape(caption)} (<a href="#command-{command}">command {command}</a>)'
                             "</figcaption></figure>")
    lines.append("<h2>Commands</h2>")
    lines += [f'<p id="command-{number}">{number}.</p><pre>{html.escape(command)}</pre>'
              for number, command in enumerate(commands, 1)]
    return "\n".join([*lines, "</body></html>", ""])


def _row(tag: str, cells: Sequence[str], text: Sequence[int]) -> str:
    kinds = [' class="text"' if k in text else "" for k in range(len(cells))]
    return "<tr>" + "".join(f"<{tag}{kind}>{html.escape(str(cell))}</{tag}>"
                            for kind, cell in zip(kinds, cells, strict=True)) + "</tr>"


def write_both(folder: Path, name: str, title: str, blocks: Sequence[Block], commands: Sequence[str]) -> None:
    """<folder>/<name>.md and <folder>/<name>.html."""
    for suffix, text in ((".md", markdown(title, blocks, commands, folder)), (".html", page(title, blocks, commands))):
        write_bytes(folder / f"{name}{suffix}", text.encode(errors="replace"))
