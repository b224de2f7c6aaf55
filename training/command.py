"""The command line of a trainer: its options, the images, one process or several, and the run folder."""

import argparse
import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from training.distributed import Processes, gpus_of_process
from training.finish import export_again, finished
from training.images.sources import Source, add_source_options, find_source
from training.loop import train
from training.options import TrainingOptions
from training.step_profile import Profiled, profile
from utils.cli import parser, positive_int
from utils.devices import choose_device, choose_precision, describe
from utils.options import add_options, from_options
from utils.run_folder import RunFolder


class Trainer(NamedTuple):
    """What makes a command of a learner: `python -m name`, whose help is `about`."""

    name: str
    about: str | None
    options: type[TrainingOptions]
    learner: Callable[..., Profiled]  # (options, images, device, gpus, processes); its class has `shown`
    find: Callable[[argparse.Namespace, torch.device], Source] = find_source  # what it trains on


def add_gpus(p: argparse.ArgumentParser) -> None:
    p.add_argument("--gpus", type=int, nargs="*", help="GPU ids: one, two (DataParallel), or none for the CPU "
                   "(default: the first GPU if there is one)")


def chosen_options(trainer: Trainer, args: argparse.Namespace, device: torch.device) -> TrainingOptions:
    """The options, with the precision that `auto` means on `device`."""
    precision = str(choose_precision(device, args.precision)).removeprefix("torch.")
    return from_options(trainer.options, args, precision=precision)


def parse(trainer: Trainer, arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options, of the command line unless told otherwise."""
    p = parser(f"python -m {trainer.name}", trainer.about)
    group = p.add_argument_group("data and output")
    add_source_options(group)
    group.add_argument("--output", required=True, help="run folder; encoder.pth appears in it")
    add_options(p, trainer.options, precision="auto")
    add_gpus(p)
    p.add_argument("--profile", type=positive_int, metavar="N", help="only measure N steps and print what they spend "
                   "their time on; there is no run")
    return p.parse_args(arguments)


def command(trainer: Trainer, arguments: Sequence[str] | None = None) -> int:
    """What `python -m trainer.name` does; returns the exit code."""
    args = parse(trainer, arguments)
    gpus = gpus_of_process(args.gpus)
    from_options(trainer.options, args).check_gpus(gpus or [])
    device = choose_device(gpus)
    if device.type == "cuda":
        torch.cuda.set_device(device)  # also where a process renders
    options = chosen_options(trainer, args, device)
    with Processes.join(device) as processes:
        return run(trainer, args, options, device, gpus or [], processes)


def run(trainer: Trainer, args: argparse.Namespace, options: TrainingOptions, device: torch.device, gpus: list[int],
        processes: Processes) -> int:
    """Train what is left of the run, or profile; returns the exit code. The first process writes and speaks."""
    first, output = processes.rank == 0, Path(args.output)
    for my_turn in (first, not first):  # what the first has read of the images need not be read again
        with processes.as_one():
            if my_turn:
                data, open_images = trainer.find(args, device)
                options.steps_per_epoch(data["shape"][0])
    config = {**dataclasses.asdict(options), "data": data}
    processes.require_same(config, "options and images")
    facts = {"device": describe(device), "threads": torch.get_num_threads(), "gpus": len(gpus),
             "processes": processes.count}
    shown = trainer.learner.shown
    # Like all above, before the images are packed, which can take an hour.
    if not args.profile and done_before(output, config, facts, shown, processes):
        return 0
    with processes.as_one():
        options.check(data)
        images = open_images()
    if args.profile:
        endless = dataclasses.replace(options, steps=10**9)  # images for as many as it takes
        table = profile(trainer.learner(endless, images, device, gpus, processes), args.profile)
        if first:
            print(table)
        return 0
    learner = trainer.learner(options, images, device, gpus, processes)
    with contextlib.ExitStack() as stack:
        with processes.as_one():
            run_folder = stack.enter_context(RunFolder.open(output, config, **facts)) if first else RunFolder(output)
            if first:
                print(f"{images}, {learner.total_steps} steps of {options.batch_size} on {processes.count} × "
                      f"{facts['device']} in {options.precision}", flush=True)
        code = train(learner, run_folder, processes)
        if first and not code:
            say_done(run_folder, shown)
    return code


def done_before(output: Path, config: dict[str, Any], facts: dict[str, Any], shown: tuple[str, ...],
                processes: Processes) -> bool:
    """Whether the run is finished, and if so, say it. Exports the encoder again if it is lost or damaged. Raises
    UserError for a folder that holds something else."""
    run_folder, done = RunFolder(output), False
    with processes.as_one():
        if processes.rank == 0:
            RunFolder.check(output, config)
            done = run_folder.done() is not None
            if done and not finished(run_folder, shown):
                with RunFolder.open(output, config, **facts):
                    export_again(run_folder)
                print(f"{output}/encoder.pth was missing or damaged, and is exported again from last.pth")
            if done:
                say_done(run_folder, shown)
    return processes.agree(stop=done)


def say_done(run_folder: RunFolder, shown: tuple[str, ...]) -> None:
    done = run_folder.done("steps", "seconds", *shown)
    print(f"{run_folder.path}/encoder.pth: {done['steps']} steps in {done['seconds']:.0f} s, "
          f"{', '.join(f'{name} {done[name]:.3f}' for name in shown)}")
