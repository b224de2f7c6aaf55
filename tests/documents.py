"""What README and docs hold, for tests: pages, links, blocks of code, and commands."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGES = {page.relative_to(ROOT).as_posix(): page.read_text()
         for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)
# Words of commands that would be refused as they stand: one that a reader replaces, and the name that an example adds.
STANDS_FOR = {"NAME": "dead_leaves-mixed", "checkerboard": "dead_leaves-mixed"}


def blocks(page: str, language: str) -> list[str]:
    return [code for found, code in FENCE.findall(PAGES[page]) if found == language]


def prose(page: str) -> str:
    """The page without its blocks of code."""
    return FENCE.sub("", PAGES[page])


def links(page: str) -> list[str]:
    """Targets of links and pictures, but for other sites."""
    found = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose(page)))
    return [target for target in found if "://" not in target]


def anchors(page: str) -> set[str]:
    """Of the page's headings, as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.+)$", prose(page), re.M)}


class Command(NamedTuple):
    """A command line as it stands on a page, without what is set before it, comments and what comes after a pipe."""

    words: tuple[str, ...]
    alone: bool  # a line of a block, which a reader copies as it is; in a sentence a module may be named in passing


def commands(page: str) -> list[Command]:
    """The command lines of the page's bash blocks, and those in its sentences that begin as ours do."""
    lines = "\n".join(blocks(page, "bash")).replace("\\\n", " ").splitlines()
    named = [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose(page))]
    ours = [code for code in named if re.match(r"([A-Z_]+=\S+ )*(python -m|bash|sbatch|torchrun -)", code)]
    found = []
    for line, alone in [(line, True) for line in lines] + [(code, False) for code in ours]:
        words = shlex.split(re.sub(r"\$\(.*?\)", "NAME", line), comments=True)
        while words and re.fullmatch(r"[A-Z_0-9]+=.*", words[0]):
            words = words[1:]
        if words:
            found.append(Command(tuple(STANDS_FOR.get(word, word) for word in words), alone))
    return found
