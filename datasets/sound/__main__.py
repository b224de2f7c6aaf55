"""Log-mel spectrograms of a folder of recordings, computed once.

    python -m datasets.sound fsdd --source free-spoken-digit-dataset --output data/fsdd --waveforms
    python -m datasets.sound librispeech --source LibriSpeech/dev-clean --output data/dev-clean --seconds 9.4 --size 64
    python -m datasets.sound folder --source recordings --output data/mine --rate 44100 --seconds 2

Layouts: fsdd, librispeech, speech_commands, audio_mnist, fluent_speech, voxceleb1, or any folder of WAV files,
<class>/*.wav. Each recording is cut to --seconds, or ends in silence; --size mel bands at --size times make an example.
Afterwards: python -m linear_eval --data data/fsdd --labels speaker ...
"""

from pathlib import Path

import numpy as np
import torch

from datasets.examples.store import Example, write_examples
from datasets.sound.layouts import LAYOUTS
from datasets.sound.log_mel import LogMel
from datasets.sound.wav import fitted, read_wave
from utils.cli import UserError, non_negative, parser, positive_int, run

WINDOW = 0.064  # seconds of an analysis window, about: a power of two near it is taken


def main() -> None:
    p = parser("python -m datasets.sound", __doc__)
    p.add_argument("layout", choices=list(LAYOUTS), help="how the recordings lie")
    p.add_argument("--source", type=Path, required=True, help="folder of the unpacked archive")
    p.add_argument("--output", type=Path, required=True, help="folder to write")
    p.add_argument("--size", type=positive_int, default=64, help="mel bands, and times")
    p.add_argument("--rate", type=positive_int, help="samples a second of the recordings (default: the layout's)")
    p.add_argument("--seconds", type=non_negative, help="of each recording (default: the layout's)")
    p.add_argument("--waveforms", action="store_true", help="keep waveforms too, for views of them")
    args = p.parse_args()
    layout, root = LAYOUTS[args.layout], args.source
    if not root.is_dir():
        raise UserError(f"{root} is not a folder; pass the folder of the unpacked archive as --source")
    rate = args.rate or layout.rate
    samples = round((layout.seconds if args.seconds is None else args.seconds) * rate)
    if not samples:
        raise UserError(f"--seconds {args.seconds:g} takes no sample of a recording; pass more, or leave it out")
    front = LogMel(args.size, rate, samples, 2 ** round(np.log2(WINDOW * rate)))
    below = layout.below(root)

    def waves(examples: list[Example]) -> np.ndarray:
        return np.stack([fitted(read_wave(below / example.file, rate), samples) for example in examples])

    def spectrograms(examples: list[Example]) -> torch.Tensor:
        return front(torch.from_numpy(waves(examples)))

    def waveforms(examples: list[Example]) -> np.ndarray:
        return (waves(examples) * 2**15).round().clip(-(2**15), 2**15 - 1).astype(np.int16)

    name = args.layout if args.layout != "folder" else root.resolve().name
    made = write_examples(args.output, name, "sound", name, layout.tasks, layout.find(below), spectrograms,
                          waveforms if args.waveforms else None,
                          front_end={"size": args.size, "rate": rate, "samples": samples, "window": front.window})
    print(f"{args.output}: {len(made.array)} recordings of {name} ({', '.join(made.tasks)}), spectrograms of "
          f"{args.size}×{args.size}; {made.record['counts']}")


if __name__ == "__main__":
    run(main)
