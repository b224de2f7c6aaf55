"""Golden images: the first four of each named dataset, as thumbnails in golden/, look as they did.

    python -m tests.generators.test_golden     # from the repository's root: makes them anew and says what changed

Datasets that need an encoder are left out; those that are slow are made smaller.
"""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generators import dead_leaves_textures
from generators.named import make_process, named_datasets, needs, open_parameters
from tests.conftest import write_images

GOLDEN = Path(__file__).with_name("golden")
IMAGES, SIZE = 4, 32
CHEAPER = {"stylegan-random": {"resolution": 32}, "feature_vis-random": {"resolution": 64, "steps": 1}}
# Mean differences in grey levels, with what other instruction sets gave (those of .ci/run, together and one by one).
# Two images of one dataset differ by 10 to 70.
CLOSE = 0.02  # up to 0.0001
LOOSE = {
    "stat-": 1.0,  # ten rounds of histograms and FFTs: up to 0.22
    "feature_vis-": 5.0,  # the first step of Adam goes by the sign of each derivative, also of tiny ones: up to 1.4
}


def sheet(name: str, folder: Path) -> np.ndarray:
    """The first images of a dataset, each reduced by means over blocks, side by side: uint8 [SIZE, IMAGES * SIZE, 3].

    folder: where textures may be made, in place of the thousands of the dataset.
    """
    parameters = {"device": "cpu", "precision": "float32", **CHEAPER.get(name, {})}
    if name == "dead_leaves-textures":
        parameters["textures"] = str(write_images(folder / "own", dead_leaves_textures.FEWEST))
        dead_leaves_textures.CACHE = folder / "textures"
    process = make_process(name, **{key: value for key, value in parameters.items() if key in open_parameters(name)})
    images = [Image.fromarray(np.asarray(image)).resize((SIZE, SIZE), Image.Resampling.BOX)
              for image in process.render(range(IMAGES))]
    return np.concatenate(images, axis=1)


def distance(image: np.ndarray, path: Path) -> float:
    """The mean difference from the thumbnails of a file, in grey levels."""
    return np.abs(image.astype(int) - np.asarray(Image.open(path))).mean().item()


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.png")), ids=lambda path: path.stem)
def test_images_look_as_they_did(path, tmp_path, monkeypatch):
    monkeypatch.setattr(dead_leaves_textures, "CACHE", None)  # put back afterwards
    tolerance = next((value for start, value in LOOSE.items() if path.stem.startswith(start)), CLOSE)
    assert distance(sheet(path.stem, tmp_path), path) <= tolerance


def main() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for name in named_datasets():
        if needs(name, "encoder"):
            continue
        with tempfile.TemporaryDirectory() as folder:
            image, path = sheet(name, Path(folder)), GOLDEN / f"{name}.png"
        change = f"changed by {distance(image, path):.4f} grey levels on average" if path.exists() else "new"
        Image.fromarray(image).save(path, optimize=True)
        print(f"{name}: {change}")


if __name__ == "__main__":
    main()
