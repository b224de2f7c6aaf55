"""Tables in the marked places of a Markdown file, so that no number in it is written by hand.

    <!-- table: results/photos --rows "stat-spectrum" "raw pixels" -->
    <!-- end -->

Between the two comes the table of `python -m linear_eval.report` for what follows "table:", paths from the working
folder. A Markdown file that another command wrote (results/photos/ranking.md) comes as it is.
"""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

from utils.cli import UserError

START, END = "<!-- table:", "<!-- end -->"
PLACE = re.compile(rf"^{START}(?P<words>.*)-->\n(?:(?!{START})[^\0])*?^{END}$", re.MULTILINE)


def filled(text: str, table: Callable[[list[str]], str]) -> str:
    """`text` with its marked places filled anew. table: makes Markdown of the words of a mark. Raises UserError if no
    place is marked, for a mark without an end, and for a file that is not there."""
    def place(match: re.Match) -> str:
        words = shlex.split(match["words"])
        file = Path(words[0]) if len(words) == 1 and words[0].endswith(".md") else None
        if file and not file.is_file():
            raise UserError(f"{file}, which a mark asks for, is not there; paths are from the working folder")
        inside = file.read_text() if file else table(words)
        return f"{START}{match['words']}-->\n\n{inside.strip()}\n\n{END}"

    found, marks = len(PLACE.findall(text)), len(re.findall(f"^{START}", text, re.MULTILINE))
    if not marks or found < marks:
        raise UserError(f"{marks} places are marked, {found} of them with an end; mark a place by a line "
                        f"'{START} RESULT ... -->' and a line '{END}'")
    return PLACE.sub(place, text)
