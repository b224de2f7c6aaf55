"""The student: from the corrupted image, the representation that a frozen teacher gives the clean one."""

import copy
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from losses.distillation import cosine_distance, distillation_loss
from models import save_encoder
from models.checkpoint import check_numbers
from train_distillation.batches import Batches
from train_distillation.options import Options
from train_distillation.teachers import Tower
from training.distributed import ALONE, Processes
from training.images.streams import PackedImages, RenderedImages
from training.laps import lap
from training.update import Update, read_finite
from utils.devices import autocast


def as_trained(tower: Tower, device: torch.device, processes: Processes) -> tuple[Tower, nn.Module]:
    """A copy of `tower` on `device`, ready to train, and it as a module that several processes step together."""
    student = copy.deepcopy(tower).requires_grad_(True).train().to(device, memory_format=torch.channels_last)
    if processes.count == 1:
        return student, student
    if device.type == "cuda":  # torch has none for CPUs, which normalise their own share
        student = nn.SyncBatchNorm.convert_sync_batchnorm(student)
    # Layers beyond the embedding (fc7 of a SmallAlexNet) take no part.
    return student, nn.parallel.DistributedDataParallel(student, find_unused_parameters=True)


class Distillation:
    """A `training.learner.Learner` of one student.

    Several processes share the embeddings of a batch, so that all are negatives; the dense and the holding term are
    means over a process's own images.
    """

    shown = ("loss", "cosine", "retrieval")

    def __init__(self, options: Options, images: PackedImages | RenderedImages, device: torch.device,
                 gpus: Sequence[int] = (), processes: Processes = ALONE):
        self.options, self.device, self.processes = options, device, processes
        teacher = options.load_teacher()
        self.total_steps = options.total_steps(images.count)
        self.batches = Batches(images, options, teacher, device, processes)
        self.teacher_sha256 = teacher.sha256()
        self.student, model = as_trained(teacher, device, processes)
        self.model = torch.compile(model, dynamic=False) if options.compile else model
        self.teacher = teacher.to(device, memory_format=torch.channels_last).requires_grad_(False)
        self.encoder = self.student.encoder
        self.update = Update(self.encoder.parameters(), options, images.count)
        self.dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}[options.precision]

    def step(self, number: int) -> dict[str, Tensor]:
        """One step. Raises UserError before numbers that are not finite change the weights.

        Beside the loss and its parts: `cosine`, the mean of s·t over images, and `retrieval`, the share of images whose
        own clean image is the nearest of the batch.
        """
        o, batch = self.options, self.batches(number)
        dense, held = bool(o.dense_w), math.ceil(o.hold_share * len(batch.x)) if o.hold_w else 0
        self.teacher.eval()  # whatever was done to it since: its statistics must not follow the images
        with torch.no_grad(), autocast(self.device, self.dtype):
            t, t_map = self.teacher(batch.x, dense)
        with autocast(self.device, self.dtype):  # one forward: BatchNorm meets clean images as it will in use
            s, s_map = self.model(torch.cat([batch.y, batch.x[:held]]) if held else batch.y, dense)
        s, t = s.float(), t.float()
        parts = {}
        if held:
            s, clean = s.split([len(t), held])
            parts["hold"] = cosine_distance(clean, t[:held])
        if dense:
            parts["dense"] = cosine_distance(s_map[: len(t)].float(), t_map.float())
        s, t = self.processes.gather(s, batch.images), self.processes.gather(t, batch.images)
        parts["match"] = distillation_loss(s, t, o.loss, o.tau)
        weight = {"match": 1.0, "hold": o.hold_w, "dense": o.dense_w}
        loss = sum(weight[name] * part for name, part in parts.items())
        lap("forward")
        self.update.zero_grad()
        loss.backward()
        with torch.no_grad():
            near = F.normalize(s, dim=1) @ F.normalize(t, dim=1).T
            own = torch.arange(len(near), device=near.device)
            parts |= {"cosine": near.diagonal().mean(), "retrieval": (near.argmax(1) == own).double().mean()}
        values = read_finite(number, {"loss": loss, **parts}, self.update)
        lap("backward")
        rate = self.update(number)
        lap("optimiser")
        return {"epoch": torch.tensor(batch.epoch), **values, "lr": rate, "images": torch.tensor(batch.images)}

    def state(self) -> dict[str, Any]:
        return {"encoder": self.encoder.state_dict(), "optimizer": self.update.optimizer.state_dict(),
                "teacher_sha256": self.teacher_sha256}

    def load_state(self, state: dict[str, Any]) -> None:
        if state["teacher_sha256"] != self.teacher_sha256:
            raise ValueError("it was begun with another teacher than is there now")
        check_numbers(self.encoder, state["encoder"], "the checkpoint")
        self.encoder.load_state_dict(state["encoder"])
        self.update.optimizer.load_state_dict(state["optimizer"])

    def export(self, folder: Path) -> None:
        save_encoder(self.encoder, folder / "encoder.pth")

    def close(self) -> None:
        self.batches.close()
