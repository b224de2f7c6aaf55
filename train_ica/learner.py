"""An encoder that learns to give back latents: InfoNCE on positive pairs, or regression, or nothing at all."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from losses.info_nce import info_nce_loss
from models.checkpoint import check_numbers, save_torch
from train_ica.encoders import FASTER, OutputMap, OutputMaps, cnn, keep_the_scale, kitti_cnn, mlp, resnet18
from train_ica.latents.pairs import Pairs
from train_ica.options import Options
from train_ica.scores import all_scores, mcc, mcc_each, r2, r2_each
from training.update import Update, read_finite
from utils.devices import autocast
from utils.files import write_json

FINAL = 10  # fresh sets of samples that the last scores are the mean of
AT_ONCE = 1024  # samples encoded at a time for a score


def make_encoder(options: Options) -> nn.Module:
    """Encoder and output maps; initial weights are a function of the seed."""
    dim = options.dim
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed % 2**64)
        body = {"mlp": lambda: mlp(dim, dim), "cnn": lambda: cnn(dim, options.resolution),
                "resnet18": lambda: resnet18(dim), "kitti": lambda: kitti_cnn(dim)}[options.encoder]()
        if options.encoder in ("mlp", "cnn") and not options.small_weights:
            keep_the_scale(body)
    maps = [OutputMap(model, size, options.learn_radius, options.box_min)
            for model, size in zip(options.each("model"), options.n, strict=True)]
    return nn.Sequential(body, OutputMaps(maps, list(options.n)))


class Ica:
    """A `training.learner.Learner` of one encoder."""

    shown = ("loss", "r2", "mcc")

    def __init__(self, options: Options, pairs: Pairs, device: torch.device):
        self.options, self.pairs, self.device, self.powers = options, pairs, device, options.powers()
        self.total_steps = 1 if options.mode == "identity" else options.steps
        self.dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}[options.precision]
        self.encoder = nn.Identity() if options.mode == "identity" else make_encoder(options).to(device)
        self.log_scales = nn.Parameter(torch.zeros(options.dim, device=device))  # of AnInfoNCE
        weights = [*self.encoder.parameters(), *([self.log_scales] if options.learn_scales else [])]
        self.update = Update(weights, options, options.batch_size) if weights else None

    def step(self, number: int) -> dict[str, Tensor]:
        """One step; its numbers, and now and then the scores. Raises UserError before numbers that are not finite
        change the weights."""
        values = {"loss": torch.zeros(())} if self.update is None else self._learn(number, self.update)
        if (number + 1) % self.options.score_every == 0 or number + 1 == self.total_steps:
            values |= {name: torch.tensor(value) for name, value in self.score(number).items()}
        return {**values, "images": torch.tensor(self.options.batch_size)}

    def _learn(self, number: int, update: Update) -> dict[str, Tensor]:
        o, batch = self.options, self.pairs.training(number)
        if o.mode == "supervised":
            with autocast(self.device, self.dtype):
                h = self.encoder(batch.x)
            parts = {"loss": F.mse_loss(h.float(), torch.from_numpy(batch.z).float().to(self.device))}
        else:
            with autocast(self.device, self.dtype):
                h = self.encoder(torch.cat([batch.x, batch.y]))
            hx, hy = self._weighted(h.float()).chunk(2)
            loss = info_nce_loss(hx, hy, self.powers, o.tau, o.align_w, o.self_pairs, o.decoupled)
            parts = dict(zip(("loss", "align", "uniform"), loss, strict=True))
        update.zero_grad()
        parts["loss"].backward()
        return {**read_finite(number, parts, update), "lr": update(number)}

    def _weighted(self, h: Tensor) -> Tensor:
        """Representations between which |difference|^p is that of h, times the learned scale of each dimension."""
        if not self.options.learn_scales:
            return h
        roots = torch.tensor([1 / p for p in self.powers], device=h.device)
        return h * (FASTER * self.log_scales).exp().pow(roots)

    @torch.no_grad()
    def represent(self, x: Tensor) -> np.ndarray:
        """h of observations, float64 [N, n]."""
        self.encoder.eval()
        parts = [self.encoder(part).double().flatten(1).cpu() for part in x.split(AT_ONCE)]
        self.encoder.train()
        return torch.cat(parts).numpy()

    def score(self, number: int) -> dict[str, float]:
        x, z = self.pairs.scoring(number, self.options.score_samples)
        h = self.represent(x)
        return {"r2": r2(z, h), "mcc": mcc(z, h)}

    def state(self) -> dict[str, Any]:
        return {"encoder": self.encoder.state_dict(), "log_scales": self.log_scales.detach(),
                "optimizer": self.update.optimizer.state_dict() if self.update else {}}

    def load_state(self, state: dict[str, Any]) -> None:
        check_numbers(self.encoder, state["encoder"], "the checkpoint")
        self.encoder.load_state_dict(state["encoder"])
        with torch.no_grad():
            self.log_scales.copy_(state["log_scales"])
        if self.update:
            self.update.optimizer.load_state_dict(state["optimizer"])

    def export(self, folder: Path) -> None:
        """encoder.pth, the state dict; and scores.json, the mean of every score over FINAL sets of fresh samples."""
        save_torch({name: tensor.cpu() for name, tensor in self.encoder.state_dict().items()}, folder / "encoder.pth")
        found = []
        for number in range(2**39, 2**39 + FINAL):  # no step has such a number
            x, z = self.pairs.scoring(number, self.options.score_samples)
            h = self.represent(x)
            found.append(all_scores(z, h) | {"r2_each": r2_each(z, h), "mcc_each": mcc_each(z, h)})
        means = {name: np.mean([scores[name] for scores in found], axis=0).round(5).tolist() for name in found[0]}
        scales = (FASTER * self.log_scales.detach()).exp().tolist() if self.options.learn_scales else None
        write_json(folder / "scores.json", {**means, "samples": self.options.score_samples, "sets": FINAL,
                                            **({"learned_scales": scales} if scales else {})})

    def close(self) -> None:
        pass
