"""The learner: the published recipe, and embeddings from which nothing can be learnt."""

import copy
import dataclasses

import numpy as np
import pytest
import torch

from models import load_encoder
from models.checkpoint import load_torch
from tests.files import user_error
from train_align_uniform.learner import AlignUniform, Options
from training.images.streams import PackedImages
from training.loop import train
from utils.run_folder import RunFolder

CPU = torch.device("cpu")
SMALL = Options(batch_size=8, steps=7, width=1 / 32, lr=0.05)
IMAGES = np.random.default_rng(0).integers(0, 256, (22, 5, 5, 3), dtype=np.uint8).repeat(8, 1).repeat(8, 2)


def learner(**changes: object) -> AlignUniform:
    return AlignUniform(dataclasses.replace(SMALL, **changes), PackedImages(IMAGES), CPU)


def test_a_step_is_the_published_recipe():
    """Two steps against torch's own SGD, written out."""
    ours, reference = learner(), learner()
    model = reference.encoder
    sgd = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    for step in range(2):
        ours.step(step)
        x, y, *_ = reference.pairs.views(step)
        zx = model(x)
        kept = {name: value.clone() for name, value in model.named_buffers()}
        zy = model(y)
        loss = ((zx - zy).norm(dim=1) ** 2).mean() + sum(
            torch.pdist(z).pow(2).mul(-2).exp().mean().log() for z in (zx, zy)) / 2
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        model.load_state_dict(kept, strict=False)
    for name, value in ours.encoder.state_dict().items():
        torch.testing.assert_close(value, model.state_dict()[name], rtol=1e-3, atol=1e-5)


def test_a_run_learns_and_exports_its_encoder(tmp_path):
    with RunFolder.open(tmp_path, {}) as run:
        train(learner(batch_size=22, steps=30, lr=0.1, warmup_steps=2, cosine=True, width=1 / 16), run)
    lines = RunFolder(tmp_path).metrics()
    losses = [line["loss"] for line in lines]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.5
    assert losses[-1] == pytest.approx(lines[-1]["align"] + lines[-1]["uniform"], rel=1e-5)
    assert [line["epoch"] for line in lines] == list(range(30))
    last = load_torch(tmp_path / "last.pth")["encoder"]
    encoder = load_encoder(tmp_path / "encoder.pth").state_dict()
    assert all(torch.equal(value, last[name]) for name, value in encoder.items())


@pytest.mark.parametrize("changes", [{"precision": "bfloat16"}, {"batch_norm": "joint"},
                                     {"optimizer": "adamw"}, {"optimizer": "muon", "lr": 0.001, "half_size": 0.5}])
def test_a_state_that_was_taken_up_goes_on_the_same(changes):
    whole, parts = learner(**changes), learner(**changes)
    for step in range(2):
        whole.step(step)
    parts.load_state(copy.deepcopy(whole.state()))
    for step in range(2, 4):  # over the end of an epoch
        assert whole.step(step) == parts.step(step)
    for a, b in zip(whole.encoder.state_dict().values(), parts.encoder.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_embeddings_off_the_sphere_or_in_one_point_stop_the_run():
    ours = learner()
    linear, norm = ours.encoder.blocks[7]
    ours.encoder.blocks[7][1] = torch.nn.Identity()
    before = {name: value.clone() for name, value in ours.encoder.named_parameters()}
    user_error("away from 1 at step 1; the encoder must end in L2Norm", ours.step, 0)
    ours.encoder.blocks[7][1] = norm
    with torch.no_grad():
        linear.weight.zero_()
        linear.bias.fill_(1)
    user_error("all embeddings are one point at step 1", ours.step, 0)
    for name, value in ours.encoder.named_parameters():
        assert torch.equal(value, before[name]) or name.startswith("blocks.7.0")
