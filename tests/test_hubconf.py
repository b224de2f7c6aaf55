"""The door by torch.hub, from a folder whose own modules have the names of ours."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from generators.named import make_process
from linear_eval.features.rows import encoder_row
from models import random_encoder, save_encoder

ROOT = Path(__file__).parents[1]

SCRIPT = """
import functools, runpy, sys, warnings
warnings.simplefilter("error")
import utils, datasets.views
import PIL.Image, torch
from torch.utils.data import DataLoader
from torchvision.transforms import v2

def main(repo):
    load = functools.partial(torch.hub.load, repo, source="local")
    noise = load("images", "stat-wmm", samples=12, resolution=32)
    seeded = load("images", "stat-wmm", 12, resolution=32, transform=load("views", seed=3))
    assert len(noise) == 12 and noise[-1].tobytes() == noise[11].tobytes() != noise[10].tobytes()
    # A spawned worker gives what this process gives.
    found = [pair for batch in DataLoader(seeded, 5, num_workers=1, multiprocessing_context="spawn")
             for pair in zip(*batch, strict=True)]
    assert len(found) == 12
    for pair, (x, y) in zip(found, seeded, strict=True):
        assert torch.equal(pair[0], x) and torch.equal(pair[1], y) and not torch.equal(x, y)
        assert x.shape == (3, 64, 64) and x.dtype == torch.float32
    pixels = torch.stack(list(map(v2.functional.pil_to_tensor, noise)))
    assert torch.equal(load("views", seed=3)(pixels)[1][4], found[4][1])
    torch.manual_seed(0)
    random = load("views", 32)
    assert not torch.equal(random(noise[0])[0], random(noise[0])[0])

    encoder = load("encoder", "encoder.pth")
    features = encoder.features(list(noise))
    assert features.shape == (12, 128) and not features.requires_grad
    torch.testing.assert_close(encoder.features(noise[3])[0], features[3])
    torch.testing.assert_close(encoder.features(pixels / 255)[3], features[3], rtol=0.1, atol=0.1 * features.std())
    assert encoder.features(noise[0], layer="conv5:flat").shape == (1, 6 * 7 * 7)
    noise[0].save("noise.png")
    torch.save(features[0], "features.pt")

    import models, models.more
    assert utils.WHOSE == datasets.views.WHOSE == models.more.WHOSE == "theirs"
    assert sys.modules["utils"] is utils and repo not in sys.path
    doors = runpy.run_path(f"{repo}/hubconf.py")  # as torch.hub.list finds them
    assert {name for name in doors if callable(doors[name]) and name[0] != "_"} == {"encoder", "images", "views"}
    for wrong in (lambda: load("images", "dead_leaf"), lambda: load("encoder", "none.pth"), lambda: random(3),
                  lambda: load("images", "stat-wmm", 0), lambda: encoder.features(pixels.float()),
                  lambda: encoder.features(pixels[0]), lambda: encoder.features(pixels.numpy())):
        try:
            wrong()
        except ValueError as error:
            print(error)

    class Claims:  # a hook that gives their utils, whatever the path is
        find_spec = staticmethod(lambda name, path=None, target=None: utils.__spec__ if name == "utils" else None)

    sys.modules["hubconf of " + repo].kept.clear()
    sys.meta_path.insert(0, Claims)
    try:
        random(noise[0])
    except ImportError as error:
        print(error)

if __name__ == "__main__":
    main(*sys.argv[1:])
"""


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """A folder of somebody else's, in which the script has run; and what it said."""
    folder = tmp_path_factory.mktemp("foreign")
    for name in ("utils.py", "models/__init__.py", "models/more.py", "datasets/__init__.py", "datasets/views.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("WHOSE = 'theirs'\n")
    (folder / "use.py").write_text(SCRIPT)
    save_encoder(random_encoder(0, 1 / 32), folder / "encoder.pth")
    done = subprocess.run([sys.executable, "use.py", str(ROOT)], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout.splitlines()


def test_images_and_features_are_those_of_the_commands(foreign):
    """The script, which has more to say of views and of other people's modules, has run well."""
    folder, _ = foreign
    image = np.asarray(Image.open(folder / "noise.png"))
    assert np.array_equal(image, make_process("stat-wmm", 32, device="cpu").render([0])[0])
    row = encoder_row(folder / "encoder.pth", torch.device("cpu"), precision="float32")
    seen = np.array(row.view(Image.fromarray(image)))
    torch.testing.assert_close(row.features(torch.from_numpy(seen[None])), torch.load(folder / "features.pt")[None])


def test_problems_are_one_clear_line(foreign):
    name, file, image, samples, *features, hook = foreign[1]
    assert "no dataset called 'dead_leaf'; the names are" in name and "none.pth is not a file" in file
    assert "at least 1, not 0" in samples and [line[:24] for line in features] == ["features are of a PIL im"] * 3
    assert "not of int" in image and "an import hook" in hook and "use an environment without it" in hook
