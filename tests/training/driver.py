"""python driver.py WHAT ARGUMENTS: the command `train_align_uniform` with a checkpoint after every step, and a learner
to which something happens. WHAT is

    halt=4          before step 4 it says "ready", and waits for a line
    fail=step@1     process 1 raises an error in the third step
    fail=export@0   process 0 raises one when it exports
    other=steps@1   process 1 has another number for this option
    lost=1          process 1 does not find the checkpoint, as if it were on another machine
    disk=50000      no file may become larger than so many bytes
    near=8          workers render so many images at a time, and none ahead

or several of them with commas in between, or "-".
"""

import functools
import os
import resource
import sys
from pathlib import Path

from torch import Tensor

from train_align_uniform.__main__ import TRAINER
from train_align_uniform.learner import AlignUniform
from training import loop
from training.command import command
from training.images import streams
from training.schedule import SaveClock
from utils.cli import UserError, run


class Driven(AlignUniform):
    def fail(self, where: str) -> None:
        if what.get("fail") == f"{where}@{os.environ.get('RANK', 0)}":
            raise UserError("no images")

    def step(self, number: int) -> dict[str, Tensor]:
        if number + 1 == int(what.get("halt", 0)):
            print("ready", flush=True)
            sys.stdin.readline()
        if number == 2:
            self.fail("step")
        return super().step(number)

    def export(self, folder: Path) -> None:
        self.fail("export")
        super().export(folder)


if __name__ == "__main__":
    what = dict(word.partition("=")[::2] for word in sys.argv.pop(1).split(","))
    if "disk" in what:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(what["disk"]), int(what["disk"])))
    if "near" in what:
        streams.UNDER_WAY, streams.PART = 0, int(what["near"])
    if "lost" in what and what["lost"] == os.environ["RANK"]:
        sys.argv[sys.argv.index("--output") + 1] += "/none"
    if "other" in what and what["other"].endswith(f"@{os.environ['RANK']}"):
        sys.argv[sys.argv.index("--" + what["other"].partition("@")[0]) + 1] = "3"
    loop.SaveClock = functools.partial(SaveClock, share=1e9, every=0.0)
    run(lambda: command(TRAINER._replace(learner=Driven)))
