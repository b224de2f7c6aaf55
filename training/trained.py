"""Which of the paper's fourteen encoders are trained, and which can be.

    python -m training.trained
    python -m training.trained --list ready       # names whose images are there and whose encoder is not
"""

import shlex
from pathlib import Path
from typing import Any

from datasets.image_folders.folder import RECORD, count_images, recorded_count
from datasets.shards.read import list_shards, open_shards
from generators.named import find, named_datasets, needs
from utils.cli import UserError, parser, run
from utils.files import read_record, sha256
from utils.run_folder import RunFolder

THERE = ("done", "downloaded", "there")  # how `encoder_of` begins where there is nothing left to train
LACKING = ("none", "not")  # how `images_of` begins where there is nothing to train on


def images_of(folder: Path) -> str:
    """What is in the image folder: "105,000 images", "not finished", "not readable" or "none". Images
    are counted only where a record names their number."""
    try:
        count = recorded_count(folder)
    except (UserError, OSError):
        return f"not readable: {RECORD}"
    if count is None:
        return "there, without a record" if any((folder / "train").glob("*")) else "none"
    there = len(open_shards([folder])) if list_shards(folder) else count_images(folder / "train")
    return f"{count:,} images" if there == count else f"not finished ({there:,} of {count:,})"


def intact(encoder: Path, done: dict[str, Any]) -> bool:
    """Whether the encoder is there with the hash in the done-record; the first release recorded none."""
    return encoder.is_file() and done.get("encoder_sha256") in (None, sha256(encoder))


def encoder_of(folder: Path) -> str:
    """How far the run is: "done (27,400 steps)", "at step 1,200", "downloaded", "not readable" or "none"."""
    run_folder, source = RunFolder(folder), folder / "source.json"  # of linear_eval.released_encoders
    try:
        if done := run_folder.done("steps"):
            there = intact(folder / "encoder.pth", done)
            return f"done ({done['steps']:,} steps)" if there else "lacks encoder.pth, which training exports again"
        if source.exists():
            file = folder / read_record(source, file=str)["file"]
            return "downloaded" if file.exists() else f"lacks {file.name}, which was downloaded"
    except (UserError, OSError):
        return "not readable: a damaged record"
    if (folder / "encoder.pth").exists():
        return "there, not trained here"
    steps = run_folder.metrics()
    return f"at step {steps[-1]['step']:,}" if steps else "none"


def main() -> None:
    options = parser("python -m training.trained", __doc__)
    options.add_argument("names", nargs="*", help="datasets (default: the fourteen the paper trained on)")
    options.add_argument("--data", type=Path, default=Path("data/small_scale"), help="folder of image folders")
    options.add_argument("--encoders", type=Path, default=Path("encoders/small_scale"), help="folder of run folders")
    options.add_argument("--list", choices=["all", "ready"], help="print names only, one a line")
    args = options.parse_args()
    names = [find(name).name for name in dict.fromkeys(args.names)]
    names = names or [name for name, entry in named_datasets().items() if entry.trained]
    if args.list == "all":
        print("\n".join(names))
        return
    states = {name: (images_of(args.data / name), encoder_of(args.encoders / name)) for name in names}
    lacking = [name for name, (images, _) in states.items() if images.startswith(LACKING)]
    untrained = [name for name, (_, encoder) in states.items() if not encoder.startswith(THERE)]
    if args.list == "ready":
        without = [name for name in untrained if name in lacking]
        if without and (args.names or without == names):
            raise UserError(f"no images of {', '.join(without)} in {args.data}; make them (python -m generators "
                            f"{without[0]}) or download them (python -m datasets.released_images {without[0]})")
        for name in untrained:
            if name not in lacking:
                print(name)
        return
    for name, (images, encoder) in states.items():
        print(f"{name:26}{images:32}{encoder}")
    print(f"{len(names) - len(untrained)} of {len(names)} encoders are there")
    if lacking:
        encoder = " --encoder FILE" * needs(lacking[0], "encoder")
        output = shlex.quote(str(args.data / lacking[0]))
        print(f"images are missing: python -m generators {lacking[0]} --output {output}{encoder}"
              f"{f', and so for {len(lacking) - 1} more' if len(lacking) > 1 else ''}")
        if released := [name for name in lacking if find(name).trained]:
            print(f"or the authors' own: python -m datasets.released_images {released[0]}")


if __name__ == "__main__":
    run(main)
