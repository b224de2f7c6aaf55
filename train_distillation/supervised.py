"""Train an encoder and a linear layer on labels of corrupted images: what a student without labels is compared with.

    python -m train_distillation.supervised --data DIR --labels DIR --distortion mask:0.75 --output runs/robust/labels
    python -m train_distillation.supervised --data DIR --labels DIR --alpha 0.9 --output DIR    # knowledge distillation
    python -m train_distillation.evaluation --data DIR --encoder DIR --head trained --output a.json

All weights are trained, from the teacher's on. --alpha a: (1 - a) · cross-entropy with the labels + a · T² · the
divergence from the softened answers of the frozen teacher on the clean image (Hinton et al. 2015), whose linear layer
is trained meanwhile, on clean images. Options are those of train_distillation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from datasets.image_folders.fingerprint import contents_sha256
from datasets.image_folders.folder import labelled_images, list_images
from models import save_encoder
from models.checkpoint import check_numbers, load_torch, save_torch
from train_distillation.batches import Batches
from train_distillation.learner import as_trained
from train_distillation.options import DistortedOptions
from training.command import Trainer, command
from training.distributed import ALONE, Processes
from training.images.streams import PackedImages, RenderedImages
from training.laps import lap
from training.options import OPTIMISATION
from training.update import Update, read_finite
from utils.cli import UserError, non_negative, run, share
from utils.devices import autocast
from utils.files import read_record, write_json
from utils.options import option
from utils.seeding import stable_key

LABELS = "labels"


@dataclass(frozen=True)
class Options(DistortedOptions):
    """Of training on labels; the rate and the batch are those of the published baseline."""

    labels: str = option("", "the folder of --data again, whose train/<class>/ are the labels", group=LABELS)
    alpha: float = option(0.0, "weight of the teacher's answers, beside 1 - alpha of the labels; published: 0.9",
                          type=share, group=LABELS)
    temperature: float = option(4.0, "T, by which answers are softened", type=non_negative, group=LABELS)
    lr: float | None = option(1e-3, "learning rate", type=non_negative, group=OPTIMISATION)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.labels:
            raise UserError("--labels is missing; pass the folder of --data, which holds train/<class>/")
        if self.temperature == 0:
            raise UserError("--temperature must be above 0")

    def check(self, data: dict[str, Any]) -> None:
        """Also raises UserError for labels of another folder than the images come from."""
        read_labels(self.labels)
        if contents_sha256(Path(self.labels), list_images(self.labels)) != data.get("sha256_of_contents"):
            raise UserError(f"--labels {self.labels} holds other images than --data: both must be one folder, with "
                            "images in train/<class>/")
        super().check(data)


def read_labels(folder: str) -> tuple[Tensor, list[str]]:
    """Labels int64 [N] of the images that training on `folder` takes, in their order, and the names of the classes.
    Raises UserError if some have no class."""
    paths, labels, classes = labelled_images(folder, "train")
    if paths != list_images(folder):
        raise UserError(f"{folder}/train holds images outside of class folders; pass one with images in train/<class>/ "
                        "only")
    return torch.from_numpy(labels), classes


def linear(features: int, classes: int, seed: int, name: str) -> nn.Linear:
    """torch's initial weights, a function of the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(stable_key(name, seed))
        return nn.Linear(features, classes)


class Supervised:
    """A `training.learner.Learner` of an encoder with a linear layer."""

    shown = ("loss", "accuracy")

    def __init__(self, options: Options, images: PackedImages | RenderedImages, device: torch.device,
                 gpus: Sequence[int] = (), processes: Processes = ALONE):
        if processes.count > 1:
            raise UserError("training on labels takes one process; leave torchrun out")
        self.options, self.device = options, device
        self.labels, self.classes = read_labels(options.labels)
        teacher = options.load_teacher()
        self.total_steps = options.total_steps(images.count)
        self.batches = Batches(images, options, teacher, device)
        self.student, self.model = as_trained(teacher, device, processes)
        self.teacher = teacher.to(device, memory_format=torch.channels_last).requires_grad_(False)
        self.encoder = self.student.encoder
        self.heads = nn.ModuleDict({name: linear(teacher.features, len(self.classes), options.seed, name)
                                    for name in ("student", "teacher")}).to(device)
        parameters = [*self.encoder.parameters(), *self.heads.parameters()]
        self.update = Update(parameters, options, images.count)
        self.dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}[options.precision]

    def step(self, number: int) -> dict[str, Tensor]:
        """One step. Raises UserError before numbers that are not finite change the weights."""
        o, batch = self.options, self.batches(number)
        labels = self.labels[batch.indices].to(self.device)
        with autocast(self.device, self.dtype):
            s, _ = self.model(batch.y)
        scores = self.heads["student"](s.float())
        parts = {"labels": F.cross_entropy(scores, labels)}
        loss = (1 - o.alpha) * parts["labels"]
        if o.alpha:
            self.teacher.eval()
            with torch.no_grad(), autocast(self.device, self.dtype):
                t, _ = self.teacher(batch.x)
            answers = self.heads["teacher"](t.float())
            soft = F.log_softmax(answers.detach() / o.temperature, dim=1)
            given = F.log_softmax(scores / o.temperature, dim=1)
            parts["answers"] = o.temperature**2 * F.kl_div(given, soft, reduction="batchmean", log_target=True)
            parts["teacher"] = F.cross_entropy(answers, labels)
            loss = loss + o.alpha * parts["answers"] + parts["teacher"]
        lap("forward")
        self.update.zero_grad()
        loss.backward()
        accuracy = (scores.detach().argmax(1) == labels).double().mean()
        values = read_finite(number, {"loss": loss, **parts, "accuracy": accuracy}, self.update)
        lap("backward")
        rate = self.update(number)
        lap("optimiser")
        return {"epoch": torch.tensor(batch.epoch), **values, "lr": rate, "images": torch.tensor(batch.images)}

    def state(self) -> dict[str, Any]:
        return {"encoder": self.encoder.state_dict(), "heads": self.heads.state_dict(),
                "optimizer": self.update.optimizer.state_dict()}

    def load_state(self, state: dict[str, Any]) -> None:
        check_numbers(self.encoder, state["encoder"], "the checkpoint")
        self.encoder.load_state_dict(state["encoder"])
        self.heads.load_state_dict(state["heads"])
        self.update.optimizer.load_state_dict(state["optimizer"])

    def export(self, folder: Path) -> None:
        """encoder.pth, and the linear layer as head.pth, with the names of its classes in head.json."""
        write_json(folder / "head.json", {"classes": self.classes})
        save_torch({name: value.cpu() for name, value in self.heads["student"].state_dict().items()},
                   folder / "head.pth")
        save_encoder(self.encoder, folder / "encoder.pth")

    def close(self) -> None:
        self.batches.close()


def load_head(folder: Path, features: int, classes: Sequence[str]) -> nn.Linear:
    """The linear layer of the run in `folder`. Raises UserError if it is not there, or for other sizes or classes."""
    names = folder / "head.json"
    if names.exists():  # older runs have none, and only the number of their classes is known
        trained = read_record(names, classes=list)["classes"]
        if other := [pair for pair in zip(trained, classes, strict=False) if pair[0] != pair[1]]:
            raise UserError(f"the run in {folder} was trained on class {other[0][0]} where --data has {other[0][1]}; "
                            "measure on the classes that it was trained on")
    weights, head = load_torch(folder / "head.pth"), nn.Linear(features, len(classes))
    try:
        head.load_state_dict(weights)
    except (RuntimeError, TypeError, AttributeError):
        raise UserError(f"{folder / 'head.pth'} is no layer of {features} features and {len(classes)} classes; "
                        "measure on the classes that the run was trained on") from None
    return head.requires_grad_(False)


TRAINER = Trainer("train_distillation.supervised", __doc__, Options, Supervised)

if __name__ == "__main__":
    run(lambda: command(TRAINER))
