"""Sound and sensors as `datasets.sound` and `datasets.sensors` prepare them, to train on."""

import argparse

import torch

from datasets.examples.store import Examples, is_examples, load_examples
from datasets.examples.views import expert_views
from datasets.image_folders.fingerprint import contents_sha256
from train_viewmaker.inputs import ArrayInputs
from train_viewmaker.options import Options
from training.images.sources import Source, find_source
from utils.cli import UserError


class TrainingExamples:
    """The training examples of a folder."""

    def __init__(self, examples: Examples):
        self.examples, self.rows = examples, examples.rows("train")

    def __str__(self) -> str:
        return f"{len(self.rows)} examples of {'×'.join(map(str, self.examples.array.shape[1:]))}"

    def inputs(self, options: Options, device: torch.device) -> ArrayInputs:
        """In memory; they are normalised already. Raises UserError for expert views that they do not have."""
        channels = self.examples.array.shape[1]
        needed = options.views in ("expert", "both", "hard")
        views = expert_views(self.examples, options.expert, self.rows) if needed else None
        array = torch.from_numpy(self.examples.array[self.rows])
        return ArrayInputs(array, options, views, (0.0,) * channels, (1.0,) * channels, device)


def find_inputs(args: argparse.Namespace, device: torch.device) -> Source:
    """What config.json says of --data, images or examples, and how to open it. Raises UserError for options that are
    for the other kind."""
    if not is_examples(args.data):
        if getattr(args, "expert", "spectral") != "spectral":  # the gallery has no --expert and no --size
            raise UserError(f"--expert {args.expert} is for sound, and {args.data} holds none; leave it out")
        return find_source(args, device)
    for option in ("resize", "cache", "samples", "parameters", "workers", "size", "mix", "weights", "epoch_length"):
        if getattr(args, option, None):
            raise UserError(f"--{option} is for images, and {args.data} holds sound or sensors; leave it out")
    found = TrainingExamples(load_examples(args.data))
    root = found.examples.root
    data = {"shape": (len(found.rows), *found.examples.array.shape[1:]), "record": found.examples.record,
            "sha256_of_contents": contents_sha256(root, [root / "examples.npy", root / "examples.csv"])}
    return data, lambda: found
