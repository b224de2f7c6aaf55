"""Spectrograms of windows of sensor recordings, computed once.

    python -m datasets.sensors pamap2 --source PAMAP2_Dataset --output data/pamap2
    python -m datasets.sensors csv --source recordings --output data/mine --window 256
    python -m datasets.sensors uea --output data/basic_motions      # what comes with pip install --no-deps aeon
    python -m datasets.sensors uea --source Multivariate_ts/NATOPS --output data/natops --window 51

csv: <class>/*.csv, or train/<class>/ and val/<class>/; a row for each time, a column for each channel, a first line of
names if there is one. uea: a folder with <name>_TRAIN.ts and <name>_TEST.ts. Windows of --window rows, of which
training ones overlap by half, become log-power spectrograms of --size × --size for each channel. Afterwards:
python -m linear_eval --data data/pamap2 --labels activity ...
"""

import functools
from pathlib import Path

import numpy as np
import torch

from datasets.examples.store import Example, write_examples
from datasets.sensors.layouts import LAYOUTS, basic_motions
from datasets.sensors.spectrogram import Spectrogram
from utils.cli import UserError, parser, positive_int, run


def main() -> None:
    p = parser("python -m datasets.sensors", __doc__)
    p.add_argument("layout", choices=list(LAYOUTS), help="how the recordings lie")
    p.add_argument("--source", type=Path, help="folder of the recordings (default, of uea: BasicMotions in aeon)")
    p.add_argument("--output", type=Path, required=True, help="folder to write")
    p.add_argument("--window", type=positive_int, help="rows of a window (default: 1000 for pamap2, 128 for csv, 100)")
    p.add_argument("--size", type=positive_int, default=32, help="frequencies, and times")
    args = p.parse_args()
    layout = LAYOUTS[args.layout]
    if args.source is None and args.layout != "uea":
        raise UserError(f"{args.layout} needs --source, the folder of the recordings")
    root = args.source or basic_motions()
    if not root.is_dir():
        raise UserError(f"{root} is not a folder; pass the folder of the recordings as --source")
    front = Spectrogram(args.size, args.window or layout.window)
    recording = functools.lru_cache(1)(lambda file: layout.recording(root, file))  # examples come file by file

    def spectrograms(examples: list[Example]) -> torch.Tensor:
        windows = [recording(example.file)[example.start : example.start + front.window] for example in examples]
        return front(torch.from_numpy(np.stack(windows)).float())

    name = root.resolve().name if args.layout != "pamap2" else args.layout
    made = write_examples(args.output, name, "sensors", name, layout.tasks, layout.examples(root, front.window),
                          spectrograms, front_end={"size": front.size, "window": front.window})
    print(f"{args.output}: {len(made.array)} windows of {name} ({', '.join(made.tasks)}), {made.array.shape[1]} "
          f"spectrograms of {front.size}×{front.size} each; {made.record['counts']}")


if __name__ == "__main__":
    run(main)
