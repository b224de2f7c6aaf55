"""Train rows of the paper's tables and keep a small result file of each.

    python -m train_ica.study --rows box-laplace sphere-vmf10 --seeds 0 1 2
    python -m train_ica.study --rows box-laplace box-laplace:identity box-laplace:supervised --options --n 4 --steps 800
    python -m train_ica.study --name n10 --rows box-laplace --options --n 10 --steps 6000

A row is a setting of `python -m train_ica`, and how it is trained if not unsupervised. What follows --options goes to
every row. --name begins the names of run folders and result files, so that several scales lie side by side. Resumes run
by run: a finished one is not trained again.
"""

import argparse
import dataclasses
import json
import platform
import time
from pathlib import Path
from typing import Any

import torch

from train_ica.command import command, parse
from utils.cli import UserError, parser, run
from utils.devices import has_fast_bfloat16
from utils.files import read_json, write_json
from utils.run_folder import RunFolder

KEPT = ("space", "n", "conditional", "conditional_scale", "model", "p", "mode", "encoder", "data", "pairs", "steps",
        "batch_size", "lr", "seed", "precision", "small_weights", "self_pairs", "decoupled", "tau")
POINTS = 40  # of a curve, at most


def hardware() -> str:
    """A class of machine, no name."""
    fast = "with AVX-512 BF16" if has_fast_bfloat16(torch.device("cpu")) else "without AVX-512 BF16"
    return (f"{platform.machine()} {fast}, {torch.get_num_threads()} thread(s), torch "
            f"{torch.__version__.partition('+')[0]}")


def kept(config: dict[str, Any]) -> dict[str, Any]:
    """The options that a result file names: those KEPT that are set."""
    return {name: config[name] for name in KEPT if config[name] != "" and config[name] is not False}


def result(folder: Path, row: str, processor_s: float | None) -> dict[str, Any]:
    """What is kept of a finished run."""
    run_folder, config = RunFolder(folder), read_json(folder / "config.json")
    curve = [(line["step"], round(line["r2"], 4), round(line["mcc"], 4)) for line in run_folder.metrics("r2", "mcc")]
    done = run_folder.done("seconds", "loss")
    return {"row": row, **kept(config),
            **read_json(folder / "scores.json"), "loss": done["loss"], "seconds": done["seconds"],
            "processor_seconds": processor_s, "hardware": hardware(),
            "curve": curve[:: -(-len(curve) // POINTS)] if len(curve) > POINTS else curve}


def study(rows: list[str], seeds: list[int], name: str, runs: Path, output: Path, options: list[str]) -> int:
    """Train what is missing; returns the exit code of the run that stopped, or 0."""
    output.mkdir(parents=True, exist_ok=True)
    for seed in seeds:  # so that all rows are there early
        for row in rows:
            setting, _, mode = row.partition(":")
            label = "-".join(filter(None, (name, setting, mode, f"seed-{seed}")))
            folder, file = runs / label, output / f"{label}.json"
            mode_options = ["--mode", mode] if mode else []
            arguments = ["--setting", setting, *options, *mode_options, "--seed", str(seed), "--output", str(folder)]
            config = json.loads(json.dumps(dataclasses.asdict(parse(None, arguments)[0])))
            if file.exists():
                there = read_json(file)
                if any(there.get(key) != value for key, value in kept(config).items()):
                    raise UserError(f"{file} is of other options; move it away, or choose another --name")
                continue
            began, fresh = time.process_time(), not folder.exists()
            if code := command(None, arguments):
                return code
            write_json(file, result(folder, row, round(time.process_time() - began, 1) if fresh else None))
    return 0


def main() -> int:
    p = parser("python -m train_ica.study", __doc__)
    p.add_argument("--rows", nargs="+", required=True, help="SETTING or SETTING:supervised or SETTING:identity")
    p.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    p.add_argument("--name", default="", help="how names begin")
    p.add_argument("--runs", type=Path, default=Path("runs/ica"), help="folder of run folders")
    p.add_argument("--output", type=Path, default=Path("results/latent_recovery"), help="folder of result files")
    p.add_argument("--options", nargs=argparse.REMAINDER, default=[], help="of every run")
    args = p.parse_args()
    return study(args.rows, args.seeds, args.name, args.runs, args.output, args.options)


if __name__ == "__main__":
    run(main)
