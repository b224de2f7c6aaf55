"""The learner against momentum contrast written out (`oracle`), two processes against one, and what it exports."""

import copy
import dataclasses
from pathlib import Path

import pytest
import torch

from models import ResNet50, load_encoder
from models.checkpoint import load_torch
from tests.files import user_error
from tests.train_moco.oracle import Oracle
from tests.train_moco.small import CPU, IMAGES, SMALL, Tiny, learner, steps
from train_moco.learner import Moco
from train_moco.options import Options
from training.images.streams import PackedImages
from utils.seeding import permutation, stable_key


def test_seven_steps_against_the_formulas():
    """Loss, weights, running statistics, queue and pointer to 1e-9, over the end of two epochs and of the queue."""
    ours = learner(float64=True)
    plain = Oracle(Tiny(0, 6).state_dict(), ours.queue, 4, 0.9, 0.2)
    found = steps(ours)
    assert [values["epoch"] for values in found["values"]] == [0, 0, 0, 1, 1, 1, 2]
    again = learner(float64=True)
    for number, values in enumerate(found["values"]):
        epoch, batch = again.pairs.order.batch(number)
        pixels = torch.from_numpy(IMAGES[batch])
        x, y = (again.pairs.view(pixels, epoch, view, batch, 32) for view in (0, 1))
        order = permutation(stable_key("shuffled keys", 0), number, 8)
        assert values["loss"] == pytest.approx(plain.step(x, y, order, values["lr"]), abs=1e-9)
    state = found["state"]
    for name, value in {**plain.q, **plain.running_q}.items():
        torch.testing.assert_close(state["encoder"][name], value.detach(), rtol=1e-8, atol=1e-9)
    for name, value in plain.running_k.items():
        torch.testing.assert_close(state["key_encoder"][name], value, rtol=1e-8, atol=1e-9)
    for name, value in plain.k.items():  # ours have moved once more, ready for the next step
        moved = 0.9 * value + 0.1 * plain.q[name].detach()
        torch.testing.assert_close(state["key_encoder"][name], moved, rtol=1e-8, atol=1e-9)
    torch.testing.assert_close(state["queue"], torch.stack(plain.queue), rtol=1e-8, atol=1e-9)
    assert state["pointer"] == plain.next == 7 * 8 % 24


def test_two_processes_are_one(tmp_path, together):
    """Each with two of the four groups; the same losses, weights, statistics and queue to 1e-9."""
    both = together([Path(__file__).with_name("small.py"), tmp_path])
    alone = steps(learner(float64=True))
    for process in both:
        assert process.wait(600) == 0, process.communicate()
    first, second = (load_torch(tmp_path / f"{rank}.pth") for rank in (0, 1))
    for values, others in zip(alone["values"], first["values"], strict=True):
        assert others == pytest.approx(values, abs=1e-9)
    for part in ("encoder", "key_encoder"):
        for name, value in alone["state"][part].items():
            torch.testing.assert_close(first["state"][part][name], value, rtol=1e-8, atol=1e-9)
            if "running" not in name:  # a process of its own has those of its own share, until the next step
                assert torch.equal(first["state"][part][name], second["state"][part][name])
    torch.testing.assert_close(first["state"]["queue"], alone["state"]["queue"], rtol=1e-8, atol=1e-9)
    assert torch.equal(first["state"]["queue"], second["state"]["queue"])


def test_groups_matter_and_shuffling_is_of_keys_alone():
    whole, grouped = (steps(learner(float64=True, **changes), 1) for changes in ({"batch_norm": "sync"}, {}))
    assert whole["values"][0]["loss"] != pytest.approx(grouped["values"][0]["loss"], abs=1e-6)


@pytest.mark.parametrize("changes", [{}, {"precision": "bfloat16"}, {"batch_norm": "sync"}])
def test_a_state_that_was_taken_up_goes_on_the_same(changes):
    whole, parts = learner(**changes), learner(**changes)
    for step in range(2):
        whole.step(step)
    parts.load_state(copy.deepcopy(whole.state()))
    for step in range(2, 4):  # over the end of an epoch and of the queue
        assert whole.step(step) == parts.step(step)
    assert torch.equal(whole.queue, parts.queue) and whole.pointer == parts.pointer


def test_nothing_changes_where_a_number_is_not_finite():
    ours = learner()
    ours.step(0)
    before = copy.deepcopy(ours.state())
    with torch.no_grad():
        ours.queue.fill_(float("nan"))
        before["queue"].fill_(0)
    user_error("the loss became nan at step 2", ours.step, 1)
    now = ours.state()
    for part in ("encoder", "key_encoder"):
        assert all(torch.equal(now[part][name], value) for name, value in before[part].items() if "weight" in name)
    assert now["pointer"] == before["pointer"]


def test_the_published_format_is_read_by_our_loader(tmp_path):
    """checkpoint_*.pth.tar of a ResNet-50, as the released ones are named inside."""
    ours = Moco(dataclasses.replace(SMALL, steps=6), PackedImages(IMAGES), CPU)
    ours.export(tmp_path)
    saved = load_torch(tmp_path / "checkpoint_0001.pth.tar")
    assert saved["epoch"] == 2 and saved["arch"] == "resnet50" and {"state_dict", "optimizer"} < saved.keys()
    weights = saved["state_dict"]
    torchvisions = {f"module.encoder_{end}.{name}" for name in ResNet50().state_dict() for end in "qk"}
    heads = {f"module.encoder_{end}.fc.{name}" for end in "qk" for name in ("0.weight", "0.bias", "2.weight", "2.bias")}
    assert weights.keys() == torchvisions | heads | {"module.queue", "module.queue_ptr"}
    assert weights["module.queue"].shape == (6, 24) and weights["module.queue_ptr"].tolist() == [0]
    assert weights["module.encoder_q.fc.2.weight"].shape == (6, 2048)
    a, b = (load_encoder(tmp_path / name).state_dict() for name in ("encoder.pth", "checkpoint_0001.pth.tar"))
    assert all(torch.equal(value, b[name]) for name, value in a.items())


def test_the_queue_begins_as_random_directions_of_the_seed():
    a, b, other = learner().queue, learner().queue, learner(seed=1).queue
    assert torch.equal(a, b) and not torch.isclose(a, other).all(dim=1).any()
    torch.testing.assert_close(a.norm(dim=1), torch.ones(24))


@pytest.mark.parametrize(("changes", "said"), [
    ({"queue": 30}, "--queue 30 is no multiple of --batch_size 8: a batch of keys would not fit.*pass --queue 32"),
    ({"groups": 3}, "--batch_size 8 does not make 3 equal groups of two images or more"),
    ({"groups": 8}, "--batch_size 8 does not make 8 equal groups of two images or more"),
    ({"temperature": 0.0}, "--temperature must be above 0")])
def test_options_that_are_refused(changes, said):
    user_error(said, dataclasses.replace, SMALL, **changes)


def test_processes_that_cannot_share_a_batch():
    user_error("--batch_size 8 is no multiple of 3 processes", SMALL.groups_here, 3)
    user_error("--groups 4 is no multiple of 8 processes; pass one that is, as --groups 8", SMALL.groups_here, 8)
    user_error("takes one GPU here; for several start one process a GPU", SMALL.check_gpus, [0, 1])
    assert SMALL.groups_here(2) == 2 and Options().base_lr == 0.015 and Options(batch_size=512).base_lr == 0.03
