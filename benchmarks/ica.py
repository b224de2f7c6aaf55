"""Speed and memory of a step of latent recovery against the straightforward version of it.

    python -m benchmarks.ica                              # n = 10, 1,024 pairs, box with Laplace noise: a minute or two
    python -m benchmarks.ica --batch 6144 --repeats 3     # the paper's batch
    python -m benchmarks.ica --setting sphere-vmf10

Both sides draw pairs, encode, compute the loss, and step Adam, in turn, in one run. Straightforward: a network of plain
modules, all differences between samples as one tensor N × N × n, Adam that goes over weights one by one, and for the
sphere the N × N products. Ours: what `python -m train_ica` does. Memory is the peak of each side's loss with its
gradient, in a process of its own, over what was there before.
"""

import multiprocessing
import statistics
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.ratio import HEADER, ratios, row
from losses.info_nce import info_nce_loss
from train_ica.latents.pairs import open_pairs
from train_ica.learner import Ica, make_encoder
from train_ica.options import Options
from train_ica.settings import defaults_of
from utils.cli import parser, positive_int, run
from utils.devices import describe

CPU = torch.device("cpu")


def plain_loss(x: Tensor, y: Tensor, p: float) -> Tensor:
    """InfoNCE as it is written down, with the whole cloud of differences."""
    if p == 0:
        near, far = -(x * y).sum(1), -(x @ x.T)
    else:
        near, far = (x - y).abs().pow(p).sum(1), (x[:, None] - x[None]).abs().pow(p).sum(2)
    far = far + torch.diag(torch.full((len(x),), torch.inf))
    return (near + torch.logsumexp(torch.cat([-near[:, None], -far], dim=1), dim=1)).mean()


def peak(side: str, batch: int, n: int, p: float, result) -> None:
    """Put by how much this process grows at most, in MB, into `result`."""
    torch.set_num_threads(1)
    x, y = (torch.rand(batch, n, requires_grad=True) for _ in range(2))
    loss = (lambda: plain_loss(x, y, p)) if side == "plain" else (lambda: info_nce_loss(x, y, p)[0])
    info_nce_loss(x[:8], y[:8], p)[0].backward()  # what libraries take once
    Path("/proc/self/clear_refs").write_text("5")  # forget the most that was held before (Linux)
    before = megabytes("VmRSS")
    loss().backward()
    result.value = megabytes("VmHWM") - before


def megabytes(which: str) -> float:
    """What this process holds (VmRSS), or the most that it held (VmHWM)."""
    return int(Path("/proc/self/status").read_text().partition(f"{which}:")[2].split()[0]) / 1024


def memory(side: str, batch: int, n: int, p: float) -> float:
    context = multiprocessing.get_context("spawn")
    result = context.Value("d", 0.0)
    process = context.Process(target=peak, args=(side, batch, n, p, result))
    process.start()
    process.join()
    return result.value


def main() -> None:
    options = parser("python -m benchmarks.ica", __doc__)
    options.add_argument("--setting", default="box-laplace")
    options.add_argument("--n", type=positive_int, default=10)
    options.add_argument("--batch", type=positive_int, default=1024)
    options.add_argument("--repeats", type=positive_int, default=7, help="pairs of measurements")
    args = options.parse_args()
    chosen = Options(**{**defaults_of([args.setting]), "n": (args.n,), "batch_size": args.batch})
    learner, p = Ica(chosen, open_pairs(chosen, CPU), CPU), chosen.powers()[0]
    encoder, number = make_encoder(chosen), iter(range(10**9))
    adam = torch.optim.Adam(encoder.parameters(), chosen.base_lr, foreach=False)

    def ours() -> None:
        learner.step(1)  # no step of a score

    def plain() -> None:
        batch = learner.pairs.training(next(number))
        loss = plain_loss(encoder(batch.x), encoder(batch.y), p)
        adam.zero_grad()
        loss.backward()
        adam.step()
        loss.item()

    values, times = ratios(plain, ours, args.repeats)
    print(f"{describe(CPU)}, {args.setting}, n = {args.n}, {args.batch} pairs\n\n{HEADER}")
    print(row("step: straightforward / ours", values, ">= 2", f"{1e3 * statistics.median(times):.0f} ms a step"))
    sizes = {side: memory(side, args.batch, args.n, p) for side in ("plain", "ours")}
    print(f"\nmemory of the loss and its gradient: straightforward {sizes['plain']:.0f} MB, ours "
          f"{sizes['ours']:.0f} MB")


if __name__ == "__main__":
    run(main)
