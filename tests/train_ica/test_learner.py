"""The learner: it recovers latents, and resumes to the bit."""

import json

import numpy as np
import pytest
import torch

from train_ica.__main__ import __doc__ as ABOUT
from train_ica.command import command as ica_command
from train_ica.encoders import OutputMap
from train_ica.latents import mixing
from train_ica.latents.draws import SCORING, TRAINING, LatentDraws
from train_ica.latents.pairs import open_pairs
from train_ica.learner import Ica, make_encoder
from train_ica.options import Options
from train_ica.settings import SETTINGS, defaults_of
from utils.run_folder import RunFolder

CPU = torch.device("cpu")
TINY = ["--n", "2", "--batch_size", "32", "--score_samples", "64", "--score_every", "4", "--gpus"]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(mixing, "DRAWS", 500)
    monkeypatch.setattr(mixing, "TOGETHER", 500)


@pytest.fixture
def ended(end):
    return lambda *arguments: end(lambda: ica_command(ABOUT, list(map(str, arguments))))


def numbers(folder):
    return [{key: value for key, value in line.items() if key not in ("seconds", "images_per_s")}
            for line in RunFolder(folder).metrics()]


def test_a_box_is_recovered(command, tmp_path):
    arguments = ("--setting", "box-laplace", "--n", "2", "--batch_size", "128", "--steps", "200", "--lr", "0.005",
                 "--warmup_steps", "10", "--gpus", "--output", tmp_path / "run")
    lines = command(*arguments)
    scores = json.loads((tmp_path / "run/scores.json").read_text())
    assert scores["r2"] > 0.9 and scores["mcc"] > 0.9
    assert f"R² {scores['r2']:.4f}" in lines[-1]
    assert command(*arguments) == lines[-1:]


@pytest.mark.parametrize("more", [[], ["--mode", "supervised"], ["--setting", "sphere-anisotropic-learned"],
                                  ["--space", "sphere", "box", "--n", "2", "3", "--conditional", "vmf", "laplace",
                                   "--conditional_scale", "10", "0.05", "--model", "sphere", "box", "--p", "0", "1"]])
def test_resumes_to_the_bit(command, interrupted, tmp_path, more):
    arguments = [*TINY, *more, "--steps", "8"]
    command(*arguments, "--output", tmp_path / "whole")
    begun = interrupted(Ica, 5, *arguments, "--output", tmp_path / "parts")
    command(*arguments, "--output", tmp_path / "parts")
    assert numbers(tmp_path / "whole") == numbers(tmp_path / "parts") and begun == list(range(6))
    for name in ("encoder.pth", "scores.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()


def test_identity_scores_the_observations(command, tmp_path):
    command(*TINY, "--mode", "identity", "--output", tmp_path / "run")
    scores = json.loads((tmp_path / "run/scores.json").read_text())
    assert 0 < scores["r2"] < 1 and RunFolder(tmp_path / "run").done()["steps"] == 1


def test_a_lost_encoder_is_exported_again(command, tmp_path):
    arguments = (*TINY, "--steps", "4", "--output", tmp_path / "run")
    command(*arguments)
    before = (tmp_path / "run/encoder.pth").read_bytes()
    (tmp_path / "run/encoder.pth").unlink()
    command(*arguments)
    assert (tmp_path / "run/encoder.pth").read_bytes() == before


def test_pairs_are_a_function_of_seed_and_step():
    draws = [LatentDraws(Options(seed=seed)).draw(stream, number, 4) for seed, stream, number in
             ((0, TRAINING, 3), (0, TRAINING, 3), (0, TRAINING, 4), (1, TRAINING, 3), (0, SCORING, 3))]
    np.testing.assert_array_equal(draws[0], draws[1])
    for other in draws[2:]:
        assert not np.isclose(draws[0], other).any()


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_whole(name):
    data = {"data": "FOLDER"} if name.startswith(("3dident", "kitti")) else {}
    options = Options(**defaults_of([name]), **data)
    assert len(options.powers()) == options.dim == sum(options.n)
    if not options.data:
        LatentDraws(options)


def test_the_published_training():
    options = Options(**defaults_of(["box-laplace", "paper"]))
    assert (options.base_lr, options.batch_size, options.total_steps(6144)) == (1e-4, 6144, 300_003)
    assert not options.cosine and options.self_pairs and options.small_weights and not options.warmup_steps
    assert Options().cosine


def test_anisotropic_scales_form_a_series():
    scale = Options(conditional=("normal",), conditional_scale=(0.2,), anisotropy=9.0).laws("conditional")[0].scale
    assert scale[-1] / scale[0] == pytest.approx(9) and np.prod(scale) ** (1 / 5) == pytest.approx(0.2)


def test_output_maps():
    x = torch.randn(50, 3)
    assert torch.allclose(OutputMap("sphere", 3)(x).norm(dim=1), torch.ones(50))
    assert torch.equal(OutputMap("unbounded", 3)(x), x)
    box = OutputMap("box", 3)
    assert ((box(x) > 0) & (box(x) < 1)).all() and [p.shape for p in box.parameters()] == [(3,)]
    assert torch.allclose(OutputMap("box", 3, low=-1.0)(x), box(x) - 1)
    assert [p.shape for p in OutputMap("sphere", 3, learned=True).parameters()] == [(1,)]


def test_the_papers_network():
    assert sum(p.numel() for p in make_encoder(Options(n=(10,))).parameters()) == pytest.approx(852_000, rel=0.005)


@pytest.mark.parametrize(("arguments", "said"), [
    (["--setting", "box-laplce"], "no setting called 'box-laplce'; the names are sphere-vmf1"),
    (["--n", "0"], "at least 2 dimensions, not 0"), (["--space", "box", "--n", "0"], "at least 1 dimension, not 0"),
    (["--conditional_scale", "0"], "must be above 0"), (["--p", "0.5"], "--p must be 0 .dot product. or at least 1"),
    (["--space", "box", "--box_min", "1"], "minimum below its maximum"), (["--batch_size", "1"], "no negatives"),
    (["--tau", "0"], "--tau must be above 0"), (["--n", "3", "2"], "--n takes the dimensions of each of the 1"),
    (["--p", "1", "2"], "--p takes one value"), (["--anisotropy", "0.5"], "at least 1"),
    (["--learn_scales"], "pass --p 2"), (["--pairs", "augmentation"], "needs images"),
    (["--encoder", "cnn"], "--encoder mlp is for the random network"), (["--score_samples", "9"], "--score_samples"),
    (["--space", "unbounded"], "does not go with an unbounded"), (["--exponent", "0.2"], "at least 1")])
def test_bad_input_is_one_line(refuses, tmp_path, arguments, said):
    refuses(said, "--gpus", *arguments, "--output", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_help_shows_the_rows(end):
    code, out, _ = end(lambda: ica_command(ABOUT, ["--help"]))
    assert code == 0 and all(f"  {name} " in out for name in SETTINGS) and "--conditional_scale" in out


def test_a_diverging_run_says_so(refuses, tmp_path):
    refuses("became (nan|inf).* at step", *TINY, "--lr", "1e30", "--steps", "20", "--output", tmp_path / "run")


def test_supervised_uses_the_latents():
    options = Options(n=(2,), batch_size=16, mode="supervised", steps=1, warmup_steps=0, score_samples=64)
    assert "align" not in Ica(options, open_pairs(options, CPU), CPU).step(0)
