"""Pairs of images: rendered, snapped, augmented, and frames of a video; and runs on each."""

import json
import pickle

import numpy as np
import pytest
import torch

from datasets.image_folders.writer import write_image_folder
from datasets.kitti_masks import factors
from generators.latent_scene import LatentScene
from train_ica.__main__ import __doc__ as ABOUT
from train_ica.command import command as ica_command
from train_ica.encoders import Whitened, cnn, kitti_cnn, resnet18
from train_ica.latents.image_pairs import KittiPairs, RenderedPairs, StoredPairs, as_input
from train_ica.options import Options
from train_ica.settings import defaults_of

CPU = torch.device("cpu")


@pytest.fixture
def ended(end):
    return lambda *arguments: end(lambda: ica_command(ABOUT, list(map(str, arguments))))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """200 stored scenes of 16 pixels."""
    root = tmp_path_factory.mktemp("scenes")
    write_image_folder(LatentScene(resolution=16), root, 200, name="latent_scene", image_format="png")
    return root


@pytest.fixture(scope="module")
def kitti(tmp_path_factory):
    """Twelve sequences of a rectangle that moves one pixel to the right with each frame, and flickers below."""
    masks = np.zeros((12, 40, 64, 64), bool)
    for i in range(12):
        for t in range(40):
            masks[i, t, 4 * i : 4 * i + 9 + t % 3, 5 + t : 12 + t] = True
    path = tmp_path_factory.mktemp("kitti") / "kitti.pickle"
    path.write_bytes(pickle.dumps({"pedestrians": list(masks)}))
    return path


def options(setting: str, **more: object) -> Options:
    return Options(**{**defaults_of([setting]), "batch_size": 8, "resolution": 16, "score_samples": 80, **more})


def test_rendered_pairs_show_latents_and_partners():
    pairs = RenderedPairs(options("scene-laplace"), CPU)
    batch = pairs.training(3)
    z, partner = pairs.latents.draw("training", 3, 8)
    scene = LatentScene(16)
    np.testing.assert_array_equal(batch.z, z)
    assert torch.equal(batch.x, as_input(scene.render_latents(z), CPU))
    assert torch.equal(batch.y, as_input(scene.render_latents(partner), CPU))


def test_snapping_takes_the_nearest_and_never_one_image_twice(folder):
    pairs = StoredPairs(options("scene-laplace", data=str(folder)), CPU)
    stored = pairs.images.latents
    z, partner = pairs.latents.draw("training", 0, 200)
    partner[:50] = z[:50]  # would become the same image
    first, second, moved = pairs.snap(z, partner)
    apart = np.linalg.norm(z[:, None] - stored[pairs.kept], axis=2)
    np.testing.assert_array_equal(first, pairs.kept[apart.argmin(1)])
    assert (first != second).all()
    np.testing.assert_array_equal(second[:50], pairs.kept[apart[:50].argsort(1)[:, 1]])
    both = np.concatenate([z - stored[first], partner - stored[second]])
    assert moved == pytest.approx(np.linalg.norm(both, axis=1).mean())
    assert not set(pairs.held_out) & set(pairs.kept) and len(pairs.held_out) == 20


def test_augmented_pairs_are_two_views_of_one_image():
    batch = RenderedPairs(options("scene-augmentation"), CPU).training(0)
    assert batch.x.shape == batch.y.shape == (8, 3, 16, 16) and not torch.equal(batch.x, batch.y)


def test_frames_of_one_pedestrian_at_most_so_far_apart(kitti):
    pairs = KittiPairs(options("kitti-box", data=str(kitti), batch_size=64, max_delta_t=3, score_samples=100), CPU)
    batch = pairs.training(5)
    moved = factors(batch.y[:, 0].bool().numpy()) - batch.z
    assert (np.abs(moved[:, 0]) <= 1).all() and set(moved[:, 1]) <= {0, 1, 2, 3} and set(moved[:, 1]) >= {1, 2, 3}
    x, z = pairs.scoring(0, 1000)
    assert len(x) == len(z) == 40  # one sequence is kept for scores
    assert not np.isin(z[:, 0], batch.z[:, 0]).all()


def test_encoders():
    assert cnn(7, 64)(torch.zeros(2, 3, 64, 64)).shape == cnn(7, 20)(torch.zeros(2, 3, 20, 20)).shape == (2, 7)
    assert resnet18(10)(torch.zeros(2, 3, 64, 64)).shape == kitti_cnn(10)(torch.zeros(2, 1, 64, 64)).shape == (2, 10)


def test_whitened_rows_are_uncorrelated_in_and_after_training():
    layer = Whitened(4)
    rows = torch.randn(2000, 4, generator=torch.Generator().manual_seed(0)) @ torch.tensor(
        [[1.0, 0.9, 0, 0], [0, 1, 0, 0], [0, 0, 2, 1], [0, 0, 0, 1]]) + 5
    for _ in range(100):
        during = layer(rows)
    for whitened in (during, layer.eval()(rows)):
        assert torch.allclose(torch.cov((whitened / layer.gain).T), torch.eye(4), atol=0.02)
        assert torch.allclose(whitened.mean(0), torch.zeros(4), atol=0.02)
    assert Whitened(2)(torch.ones(3, 2)).isfinite().all()


@pytest.mark.parametrize("setting", ["scene-laplace", "scene-augmentation"])
def test_a_run_on_scenes(command, tmp_path, setting):
    command("--setting", setting, "--steps", "2", "--batch_size", "8", "--resolution", "16", "--score_samples", "80",
            "--gpus", "--output", tmp_path / "run")
    assert len(json.loads((tmp_path / "run/scores.json").read_text())["mcc_each"]) == 7


def test_a_run_on_stored_images_says_how_far_pairs_moved(command, folder, tmp_path):
    lines = command("--setting", "scene-laplace", "--data", folder, "--encoder", "resnet18", "--steps", "1",
                    "--batch_size", "8", "--resolution", "16", "--score_samples", "80", "--gpus", "--output",
                    tmp_path / "run")
    assert any("stored latents lie" in line for line in lines)


def test_a_run_on_kitti_scores_three_factors(command, kitti, tmp_path):
    command("--setting", "kitti-box", "--data", kitti, "--steps", "2", "--batch_size", "8", "--gpus", "--output",
            tmp_path / "run", "--score_samples", "100")
    assert len(json.loads((tmp_path / "run/scores.json").read_text())["mcc_each"]) == 3


@pytest.mark.parametrize(("arguments", "said"), [
    (["--setting", "scene-laplace", "--n", "3"], "has 7 latents from -1 to 1"),
    (["--setting", "scene-laplace", "--box_max", "2"], "has 7 latents from -1 to 1"),
    (["--setting", "kitti-box", "--data", "none.pickle"], "--encoder kitti goes with the file"),
    (["--setting", "3dident-normal", "--data", "none"], "none is not latent_scene, a folder with latents"),
    (["--setting", "3dident-normal"], "the others are for images")])
def test_bad_input_is_one_line(refuses, tmp_path, arguments, said):
    refuses(said, "--gpus", *arguments, "--output", tmp_path / "run")


def test_latents_and_images_of_other_sizes(refuses, folder, kitti, tmp_path):
    refuses("has 7 latents, and --n asks for 10", "--setting", "3dident-normal", "--data", folder, "--gpus", "--output",
            tmp_path / "run")
    refuses("goes with pairs of frames", "--setting", "kitti-box", "--data", kitti, "--mode", "supervised", "--gpus",
            "--output", tmp_path / "run")
