"""What a step does, and on which images."""

import dataclasses

import numpy as np
import pytest
import torch

from train_align_uniform.images import PackedImages
from train_align_uniform.trainer import Config, Trainer
from utils.cli import UserError

CPU = torch.device("cpu")
SMALL = Config(batch_size=8, steps=7, width=1 / 32, momentum=0.9, warmup_steps=2, lr=0.05)


def test_every_image_is_seen_once_an_epoch_in_an_order_of_its_own(images):
    trainer = Trainer(SMALL, PackedImages(images), CPU)
    epochs = []
    for epoch in range(3):
        batches = [trainer.order.batch(3 * epoch + i) for i in range(3)]
        assert [e for e, _ in batches] == [epoch] * 3
        assert [len(indices) for _, indices in batches] == [8, 8, 6]
        epochs.append(np.concatenate([indices for _, indices in batches]))
        assert np.array_equal(np.sort(epochs[-1]), np.arange(22))
    assert not np.array_equal(epochs[0], epochs[1])


def test_order_and_views_are_a_function_of_seed_and_step(images):
    first = Trainer(SMALL, PackedImages(images), CPU)
    in_order = [(first.order.batch(step)[1], first.views(step)) for step in range(7)]
    second = Trainer(SMALL, PackedImages(images), CPU)
    for step in (6, 0, 3, 2):
        assert np.array_equal(second.order.batch(step)[1], in_order[step][0])
        assert all(map(torch.equal, second.views(step), in_order[step][1]))
    x, y = in_order[0][1]
    assert x.shape == (8, 3, 64, 64) and x.dtype == torch.float32
    assert not torch.equal(x, y)
    other = Trainer(dataclasses.replace(SMALL, seed=1), PackedImages(images), CPU)
    assert not np.array_equal(other.order.batch(0)[1], in_order[0][0])


@pytest.mark.parametrize(("count", "batch_size", "said"), [
    (22, 1, "at least 2"), (22, 23, "22 images are fewer than one batch of 23"), (22, 7, "a last batch of one image"),
    (22, 3, "a last batch of one image")])
def test_sizes_that_cannot_be_trained_on(images, count, batch_size, said):
    with pytest.raises(UserError, match=said):
        Trainer(dataclasses.replace(SMALL, batch_size=batch_size), PackedImages(images[:count]), CPU)


def test_a_step_is_the_published_recipe(images):
    """Two steps against torch's own SGD, written out."""
    config = dataclasses.replace(SMALL, warmup_steps=0)
    trainer, reference = Trainer(config, PackedImages(images), CPU), Trainer(config, PackedImages(images), CPU)
    model = reference.encoder
    sgd = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    for step in range(2):
        trainer.train_step()
        x, y = reference.views(step)
        zx = model(x)
        kept = {name: value.clone() for name, value in model.named_buffers()}
        zy = model(y)
        loss = ((zx - zy).norm(dim=1) ** 2).mean() + sum(
            torch.pdist(z).pow(2).mul(-2).exp().mean().log() for z in (zx, zy)) / 2
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        model.load_state_dict(kept, strict=False)
    for name, value in trainer.encoder.state_dict().items():
        torch.testing.assert_close(value, model.state_dict()[name], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("spoil", "said"), [
    (lambda images: np.broadcast_to(images[:, :1, :1], images.shape), "of one colour, from which nothing"),
    (lambda images: np.broadcast_to(images[:1], images.shape), "one image many times, from which nothing"),
    (lambda images: np.clip(images[:1] // 2 + np.arange(len(images))[:, None, None, None] % 2, 0, 255).astype(np.uint8),
     "one image many times"),
])
def test_images_that_teach_nothing_are_refused(images, spoil, said):
    with pytest.raises(UserError, match=said):
        Trainer(SMALL, PackedImages(spoil(images)), CPU)
    mixed = spoil(images).copy()
    mixed[-1] = images[-1]  # one image that differs is enough
    Trainer(SMALL, PackedImages(mixed), CPU)


def test_embeddings_off_the_sphere_or_in_one_point_stop_the_run(images):
    trainer = Trainer(SMALL, PackedImages(images), CPU)
    linear, norm = trainer.encoder.blocks[7]
    trainer.encoder.blocks[7][1] = torch.nn.Identity()
    before = {name: value.clone() for name, value in trainer.encoder.named_parameters()}
    with pytest.raises(UserError, match="away from 1 at step 1; the encoder must end in L2Norm"):
        trainer.train_step()
    trainer.encoder.blocks[7][1] = norm
    with torch.no_grad():
        linear.weight.zero_()
        linear.bias.fill_(1)
    with pytest.raises(UserError, match="all embeddings are one point at step 1"):
        trainer.train_step()
    for name, value in trainer.encoder.named_parameters():
        assert torch.equal(value, before[name]) or name.startswith("blocks.7.0")
