"""What the time of a training step is spent on, beside the two floors that the hardware sets.

    python -m train_align_uniform --data dead_leaves-mixed --output runs/none --profile 50

Arithmetic: the operations of the encoder, forward and backward, at the speed of one large matrix product. Memory: what
a step cannot avoid to write and read again (activations kept for the backward pass, weights, gradients, state of the
optimiser), at the speed of copying one large array. Both speeds are measured here, in the precision of the run.
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from training.laps import listening
from training.learner import Learner
from training.update import Update

PHASES = ("data", "views", "forward", "backward", "optimiser")
WARM_UP = 3  # steps that are not counted


def synchronize(device: torch.device) -> None:
    """Wait until `device` has done what it was asked to."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Profiled(Learner, Protocol):
    """A learner of one encoder that can be profiled: it calls `lap` at the end of each of PHASES."""

    device: torch.device
    dtype: torch.dtype
    update: Update


def step_times(learner: Profiled, steps: int) -> dict[str, list[float]]:
    """Seconds of each phase, and of the whole "step", in `steps` steps of full batches after some to warm up."""
    times: dict[str, list[float]] = defaultdict(list)
    number, full, before = 0, 0, 0.0

    def lap(phase: str) -> None:
        nonlocal before
        synchronize(learner.device)
        now = time.perf_counter()
        times[phase].append(now - before)
        before = now

    try:
        with listening(lap):
            while len(times["step"]) < WARM_UP + steps:
                synchronize(learner.device)
                before = start = time.perf_counter()
                images = int(learner.step(number)["images"])
                synchronize(learner.device)
                times["step"].append(time.perf_counter() - start)
                number, full = number + 1, max(full, images)
                if images < full:  # the rest at the end of an epoch
                    for values in times.values():
                        values.pop()
    finally:
        learner.close()
    return {phase: values[WARM_UP:] for phase, values in times.items()}


def work(learner: Profiled) -> tuple[int, int]:
    """(operations, bytes) of a step: see the module. A multiplication and an addition are two operations."""
    saved: dict[int, int] = {}  # by address: what several operations keep is there once

    def keep(tensor: Tensor) -> Tensor:
        saved[tensor.data_ptr()] = max(saved.get(tensor.data_ptr(), 0), tensor.numel() * tensor.element_size())
        return tensor

    counter = FlopCounterMode(display=False)
    with counter, saved_tensors_hooks(keep, lambda tensor: tensor):
        learner.step(0)  # a full batch
    learner.close()
    weights, state = learner.update.sizes()
    # Activations are written and read; gradients too; the optimiser reads and writes the weights and its state.
    return counter.get_total_flops(), 2 * sum(saved.values()) + 4 * weights + 2 * state


def best(function: Callable[[], object], device: torch.device) -> float:
    """Seconds of the quickest of six calls."""
    times = []
    for _ in range(6):
        synchronize(device)
        start = time.perf_counter()
        function()
        synchronize(device)
        times.append(time.perf_counter() - start)
    return min(times)


def speeds(device: torch.device, dtype: torch.dtype) -> tuple[float, float]:
    """(operations, bytes) a second that `device` reaches with a matrix product and with a copy."""
    size = 8192 if device.type == "cuda" else 2048
    a = torch.ones(size, size, device=device, dtype=dtype)
    source = torch.ones(1 << 28 if device.type == "cuda" else 1 << 26, device=device)
    target = torch.empty_like(source)
    product, copy = best(lambda: a @ a, device), best(lambda: target.copy_(source), device)
    return 2 * size**3 / product, 2 * source.numel() * source.element_size() / copy


def profile(learner: Profiled, steps: int) -> str:
    """A table of the phases of `steps` steps, medians, with the floors below. The learner's weights change."""
    times = step_times(learner, steps)
    median = {phase: statistics.median(values) for phase, values in times.items()}
    operations, size = work(learner)
    arithmetic, memory = speeds(learner.device, learner.dtype)
    batch, step = learner.update.options.batch_size, median["step"]
    lines = [f"{'phase':12}{'ms':>10}{'share':>9}"]
    lines += [f"{phase:12}{1e3 * median[phase]:10.2f}{median[phase] / step:9.1%}" for phase in (*PHASES, "step")]
    return "\n".join([
        *lines, "",
        f"{1 / step:.3g} steps/s, {2 * batch / step:,.0f} views/s: median of {steps} steps of {batch} images",
        f"floor, arithmetic: {1e3 * operations / arithmetic:.2f} ms, for {operations / 1e9:,.1f} billion operations at "
        f"{arithmetic / 1e12:.3g} trillion a second, a matrix product's",
        f"floor, memory: {1e3 * size / memory:.2f} ms, for {size / 1e9:.3g} GB at {memory / 1e9:.3g} GB/s, a copy's"])
