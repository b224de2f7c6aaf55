"""The command line of `python -m train_ica`."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import torch

from train_ica.latents.pairs import open_pairs
from train_ica.learner import Ica
from train_ica.options import Options
from train_ica.settings import defaults_of, table
from training.finish import finished
from training.loop import train
from utils.cli import Parser, parser
from utils.devices import choose_device, choose_precision, describe
from utils.files import read_record
from utils.options import add_options, from_options
from utils.run_folder import RunFolder

FIXED = {"epochs": 1, "lr_decay_epochs": (), "lr_decay_rate": 1.0, "momentum": 0.9, "compile": False,
         "cosine": True}


def parse(about: str | None, arguments: Sequence[str] | None) -> tuple[Options, list[int] | None, Path]:
    """Options, GPUs and run folder. Options that are not passed are those of the settings. Raises UserError."""
    settings = Parser(add_help=False, allow_abbrev=False)
    settings.add_argument("--setting", nargs="+", default=[])
    chosen = defaults_of(settings.parse_known_args(arguments)[0].setting)
    p = parser("python -m train_ica", f"{about}\nsettings:\n{table()}")
    p.add_argument("--setting", nargs="+", default=[], metavar="NAME", help="of those above; each is a set of options, "
                   "and options beside it replace its own")
    p.add_argument("--output", required=True, help="run folder; encoder.pth and scores.json appear in it")
    add_options(p, Options, FIXED, **chosen)
    p.add_argument("--gpus", type=int, nargs="*", help="number of the GPU, or none for the CPU (default: the first GPU "
                   "if there is one)")
    args = p.parse_args(arguments)
    precision = str(choose_precision(choose_device(args.gpus), args.precision)).removeprefix("torch.")
    return from_options(Options, args, **FIXED, precision=precision), args.gpus, Path(args.output)


def command(about: str | None, arguments: Sequence[str] | None = None) -> int:
    """Train what is left of the run; returns the exit code."""
    options, gpus, output = parse(about, arguments)
    device = choose_device(gpus)
    config = dataclasses.asdict(options)
    RunFolder.check(output, config)
    run_folder = RunFolder(output)
    if run_folder.done() is None or not finished(run_folder, Ica.shown) or not (output / "scores.json").exists():
        pairs = open_pairs(options, device)
        learner = Ica(options, pairs, device)
        facts = {"device": describe(device), "threads": torch.get_num_threads()}
        with RunFolder.open(output, config, **facts) as run_folder:
            print(f"{' x '.join(options.space)} of {' x '.join(map(str, options.n))} dimensions, {learner.total_steps} "
                  f"steps of {options.batch_size} pairs on {facts['device']} in {options.precision}", flush=True)
            if hasattr(pairs, "snap_distance"):
                print(f"the nearest stored latents lie {pairs.snap_distance:.3g} from those drawn, on average")
            if code := train(learner, run_folder):
                return code
    done, scores = run_folder.done("steps", "seconds"), read_record(output / "scores.json", r2=float, mcc=float)
    print(f"{output}/scores.json: {done['steps']} steps in {done['seconds']:.0f} s, R² {scores['r2']:.4f}, "
          f"MCC {scores['mcc']:.4f}")
    return 0
