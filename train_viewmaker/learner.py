"""An encoder that minimises a contrastive loss, and a viewmaker that maximises it."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from models import ResNet18, ResNet50, SmallAlexNet, save_encoder
from models.checkpoint import check_numbers, save_torch
from train_viewmaker.examples import TrainingExamples
from train_viewmaker.inputs import Batch, ImageInputs, Inputs
from train_viewmaker.objectives import DIMENSIONS, Bank, Terms, terms_of_batch
from train_viewmaker.options import Options
from train_viewmaker.signs import ALIKE, NEAR, Watch, describe_views
from training.distributed import ALONE, Processes
from training.embed import pair_model, running_statistics_frozen
from training.images.sources import Images
from training.laps import lap
from training.update import Update, read_finite
from utils.cli import UserError
from utils.devices import autocast
from utils.seeding import stable_key, uniforms

DRAWS = 4  # expert views of which `hard` takes two


def make_encoder(options: Options, channels: int) -> SmallAlexNet | ResNet18 | ResNet50:
    """The encoder, with the weights that a run begins with. Raises UserError for channels that it does not take."""
    if options.encoder == "resnet18":
        return ResNet18(channels, options.stem, options.width, DIMENSIONS).initialize(options.seed)
    if options.encoder == "resnet50":
        return ResNet50(channels).initialize(options.seed).project(options.seed, DIMENSIONS)
    if channels != 3:
        raise UserError(f"--encoder {options.encoder} takes inputs of 3 channels, not {channels}; pass --encoder "
                        "resnet18 or resnet50")
    return SmallAlexNet(options.width, DIMENSIONS).initialize(options.seed)


class ViewLearner:
    """A `training.learner.Learner` of two networks, indifferent to what its inputs are."""

    shown = ("loss", "align")

    def __init__(self, options: Options, inputs: Inputs, encoder: torch.nn.Module, device: torch.device):
        self.options, self.inputs, self.device = options, inputs, device
        self.dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}[options.precision]
        self.total_steps = options.total_steps(inputs.count)
        self.encoder, self.model = pair_model(encoder, options.batch_norm, device, (), options.compile, ALONE)
        self.update = Update(self.encoder.parameters(), options, inputs.count)
        self.viewmaker = self.adversary = None
        if options.learns_views:
            self.viewmaker = options.viewmaker(inputs.shape[0]).to(device, memory_format=torch.channels_last)
            self.noise_size = self.viewmaker.noise_size(*inputs.shape[1:])
            self.adversary = Update(self.viewmaker.parameters(), options.of_viewmaker(), inputs.count)
            self.watch = Watch(options.budget)
        bank = options.objective == "inst-disc"
        self.bank = Bank(inputs.count, inputs.endless, options, device) if bank else None

    def step(self, number: int) -> dict[str, Tensor]:
        """One step. Raises UserError before numbers that are not finite change a weight; with two passes the encoder
        may have changed when those of the viewmaker are not."""
        batch = self.inputs.batch(number)
        lap("data")
        starts = self._starts(batch)
        if self.options.scheme == "two-pass" and self.adversary:
            first = self._pass(number, batch, starts, 0, self.update)
            values = self._pass(number, batch, starts, 1, self.adversary) | first
        else:
            values = self._pass(number, batch, starts, 0, *filter(None, (self.update, self.adversary)))
        return {"epoch": torch.tensor(batch.epoch), **values, "images": torch.tensor(len(batch.indices))}

    def _starts(self, batch: Batch) -> Tensor:
        """What becomes the two views of each input, [2N, C, H, W]: first all of the one, then all of the other."""
        arm, inputs = self.options.views, self.inputs
        if arm in ("none", "learned"):
            return inputs.plain(batch).repeat(2, 1, 1, 1)
        drawn = [inputs.expert(batch, draw) for draw in range(DRAWS if arm == "hard" else 2)]
        return torch.cat(self._hardest(drawn) if arm == "hard" else drawn)

    @torch.no_grad()
    def _hardest(self, drawn: list[Tensor]) -> list[Tensor]:
        """Of each input the two views whose embeddings are least alike (Ferreira et al., "Beyond random augmentations:
        pretraining with hard views", ICLR 2025, with the cosine in place of the loss)."""
        with running_statistics_frozen(self.encoder), autocast(self.device, self.dtype):
            embedded = [F.normalize(self.encoder(self._normalised(view)).float(), dim=1) for view in drawn]
        pairs = torch.tensor(list(combinations(range(len(drawn)), 2)), device=self.device)
        cosines = torch.stack([(embedded[i] * embedded[j]).sum(1) for i, j in pairs.tolist()])
        chosen, views = pairs[cosines.argmin(0)], torch.stack(drawn)
        rows = torch.arange(views.shape[1], device=self.device)
        return [views[chosen[:, side], rows] for side in (0, 1)]

    def _normalised(self, views: Tensor) -> Tensor:
        return ((views - self.inputs.mean) / self.inputs.std).contiguous(memory_format=torch.channels_last)

    def _views(self, batch: Batch, starts: Tensor, draw: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The views [2N, C, H, W] that the viewmaker makes of `starts`, and what is to be said of them."""
        keys = (stable_key("noise", self.options.seed, batch.epoch, 2 * draw + view) for view in (0, 1))
        noise = torch.cat([torch.from_numpy(uniforms(key, batch.indices, self.noise_size)).float() for key in keys])
        with autocast(self.device, self.dtype):
            delta = self.viewmaker(starts, noise.to(self.device))
        moved = starts + delta
        views = moved if self.inputs.limits is None else moved.clamp(*self.inputs.limits)
        return views, describe_views(delta, moved, views)

    def _pass(self, number: int, batch: Batch, starts: Tensor, draw: int, *updates: Update) -> dict[str, Tensor]:
        """Views, embeddings, loss, gradients and new weights of those networks whose updates are passed."""
        encodes, perturbs = self.update in updates, self.adversary in updates
        views, said = starts, {}
        if self.viewmaker:
            with torch.set_grad_enabled(perturbs):
                views, said = self._views(batch, starts, draw)
        lap("views")
        self.encoder.requires_grad_(encodes)
        with autocast(self.device, self.dtype):
            zx, zy = (F.normalize(z.float(), dim=1) for z in self.model(*self._normalised(views).chunk(2)))
        terms = self.bank.terms(zx, zy, number, batch.indices) if self.bank else terms_of_batch(zx, zy, self.options)
        lap("forward")
        raised = terms.loss if self.options.adversary == "all" else terms.align
        self._gradients(terms, raised, *updates)
        if perturbs:
            said["view_loss"] = -raised
        values = read_finite(number, {"loss": terms.loss, "align": terms.align, **said}, *updates)
        lap("backward")
        if encodes:
            values["lr"] = self.update(number)
            if self.bank:
                self.bank.remember(zx, zy, batch.indices)
        if perturbs:
            self.adversary(number)
            failing = {"blind": bool(values["loss"] > terms.blind - NEAR * terms.depth),
                       "one_delta": bool(values["cos_noises"] > ALIKE)}
            self.watch(number, failing)
            values |= {name: torch.tensor(float(fails)) for name, fails in failing.items()}
        lap("optimiser")
        return values

    def _gradients(self, terms: Terms, raised: Tensor, *updates: Update) -> None:
        """Down the loss for the encoder, up `raised` for the viewmaker, whichever of them learns."""
        for update in updates:
            update.zero_grad()
        if len(updates) == 2 and raised is not terms.loss:
            terms.loss.backward(inputs=self.update.parameters, retain_graph=True)
            raised.backward(inputs=self.adversary.parameters)
        else:
            (terms.loss if self.update in updates else raised).backward()
        if self.adversary in updates:
            torch._foreach_neg_([weight.grad for weight in self.adversary.parameters])

    def state(self) -> dict[str, Any]:
        state = {"encoder": self.encoder.state_dict(), "optimizer": self.update.optimizer.state_dict()}
        if self.viewmaker:
            state |= {"viewmaker": self.viewmaker.state_dict(),
                      "view_optimizer": self.adversary.optimizer.state_dict()}
        return state | ({"bank": self.bank.rows} if self.bank else {})

    def load_state(self, state: dict[str, Any]) -> None:
        networks = {"encoder": self.encoder, **({"viewmaker": self.viewmaker} if self.viewmaker else {})}
        for name, network in networks.items():
            check_numbers(network, state[name], "the checkpoint")
            network.load_state_dict(state[name])
        self.update.optimizer.load_state_dict(state["optimizer"])
        if self.viewmaker:
            self.adversary.optimizer.load_state_dict(state["view_optimizer"])
        if self.bank:
            self.bank.rows.copy_(state["bank"])

    def export(self, folder: Path) -> None:
        """encoder.pth and, if there is one, viewmaker.pth: state dicts."""
        save_encoder(self.encoder, folder / "encoder.pth")
        if self.viewmaker:
            weights = {name: tensor.cpu().contiguous() for name, tensor in self.viewmaker.state_dict().items()}
            save_torch(weights, folder / "viewmaker.pth")

    def close(self) -> None:
        self.inputs.close()


class CommandLearner(ViewLearner):
    """Of images, sound or sensors, as the command opens them."""

    def __init__(self, options: Options, images: Images | TrainingExamples, device: torch.device,
                 gpus: Sequence[int] = (), processes: Processes = ALONE):
        if processes.count > 1:
            raise UserError("two networks that learn against each other are trained in one process; start it without "
                            "torchrun")
        if isinstance(images, TrainingExamples):
            inputs: Inputs = images.inputs(options, device)
            encoder = make_encoder(options, inputs.shape[0])
        else:
            encoder = make_encoder(options, 3)
            inputs = ImageInputs(images, options, encoder, options.size or encoder.SIZE, device)
        super().__init__(options, inputs, encoder, device)
