"""Momentum contrast written out, for one process: a loop over images where the learner has batches, and BatchNorm by
its formula."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


def embed(w: dict[str, Tensor], running: dict[str, Tensor] | None, x: Tensor) -> Tensor:
    """`small.Tiny` of one group of views; `running` statistics are brought up to date where they are given."""
    for conv, norm in (("body.0", "body.1"), ("body.3", "body.4")):
        x = F.conv2d(x, w[f"{conv}.weight"], w[f"{conv}.bias"], stride=4 if conv == "body.0" else 2)
        mean = x.mean((0, 2, 3))
        variance = (x - mean[:, None, None]).square().mean((0, 2, 3))
        if running is not None:
            count = x.numel() / x.shape[1]
            running[f"{norm}.running_mean"] = 0.9 * running[f"{norm}.running_mean"] + 0.1 * mean.detach()
            running[f"{norm}.running_var"] = (0.9 * running[f"{norm}.running_var"]
                                              + 0.1 * variance.detach() * count / (count - 1))
        x = (x - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
        x = (w[f"{norm}.weight"][:, None, None] * x + w[f"{norm}.bias"][:, None, None]).relu()
    h = x.mean((2, 3)) @ w["fc.0.weight"].T + w["fc.0.bias"]
    z = h.relu() @ w["fc.2.weight"].T + w["fc.2.bias"]
    return torch.stack([row / row.norm() for row in z])


class Oracle:
    """Encoders, queue and SGD, float64. weights, running: a state dict of `small.Tiny` in two."""

    def __init__(self, state: dict[str, Tensor], queue: Tensor, groups: int, momentum: float, temperature: float):
        self.q = {k: v.double().clone().requires_grad_() for k, v in state.items() if "running" not in k and
                  "tracked" not in k}
        self.k = {k: v.detach().clone() for k, v in self.q.items()}
        self.running_q = {k: v.double().clone() for k, v in state.items() if "running" in k}
        self.running_k = {k: v.clone() for k, v in self.running_q.items()}
        self.queue = list(queue.double().clone())  # the oldest key stands where the next will
        self.next, self.groups, self.temperature, self.momentum = 0, groups, temperature, momentum
        self.velocity: dict[str, Tensor] = {}

    def step(self, x: Tensor, y: Tensor, order: np.ndarray, rate: float) -> float:
        """One step from views of a batch, float64 [B, 3, H, W], with keys computed in `order`; returns the loss."""
        with torch.no_grad():  # at the beginning, as published
            self.k = {name: self.momentum * w + (1 - self.momentum) * self.q[name] for name, w in self.k.items()}
            size = len(x) // self.groups
            shuffled = [embed(self.k, self.running_k if g == 0 else None, y[order[g * size : (g + 1) * size]])
                        for g in range(self.groups)]
        keys: list[Tensor] = [torch.empty(0)] * len(x)
        for place, key in zip(order.tolist(), torch.cat(shuffled), strict=True):
            keys[place] = key
        queries = [embed(self.q, self.running_q if g == 0 else None, x[g * size : (g + 1) * size])
                   for g in range(self.groups)]
        losses = []
        for query, key in zip(torch.cat(queries), keys, strict=True):
            scores = [(query @ other) / self.temperature for other in (key, *self.queue)]
            losses.append(torch.logsumexp(torch.stack(scores), 0) - scores[0])
        loss = sum(losses) / len(losses)
        names = list(self.q)
        for name, gradient in zip(names, torch.autograd.grad(loss, [self.q[n] for n in names]), strict=True):
            gradient = gradient + 1e-4 * self.q[name].detach()
            self.velocity[name] = 0.9 * self.velocity[name] + gradient if name in self.velocity else gradient
            self.q[name] = (self.q[name].detach() - rate * self.velocity[name]).requires_grad_()
        for key in keys:
            self.queue[self.next] = key
            self.next = (self.next + 1) % len(self.queue)
        return loss.item()
