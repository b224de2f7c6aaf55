"""What the tests of several rooms share: one thread for torch, a small image folder, and commands in subprocesses."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

ROOT = Path(__file__).parents[1]
torch.set_num_threads(1)  # tiny tensors: a second thread only gets in the way


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, needed in (("gpu", 1), ("gpu2", 2)):
        if item.get_closest_marker(marker) and torch.cuda.device_count() < needed:
            pytest.skip(f"needs {needed} CUDA GPUs")


def write_images(folder: Path, count: int, size: tuple[int, int] = (40, 40), seed: int = 0) -> Path:
    """`count` JPEGs of coarse random colour blocks, width × height `size`, as folder/train/00000000/<i>.jpg."""
    rng = np.random.default_rng(seed)
    target = folder / "train" / "00000000"
    target.mkdir(parents=True)
    for i in range(count):
        blocks = rng.integers(0, 256, (5, 5, 3), dtype=np.uint8)
        Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST).save(target / f"{i:08d}.jpg", quality=95)
    return folder


@pytest.fixture
def make_images() -> Callable[..., Path]:
    """`write_images`, for tests that change the folder."""
    return write_images


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """22 images of 40×40, to be read only: batches of 8 leave a last batch of 6."""
    return write_images(tmp_path_factory.mktemp("images"), 22)


@pytest.fixture
def start() -> Callable[..., subprocess.Popen]:
    """Starts `python *arguments` from the repository root, one thread, output as text; what still runs is killed."""
    started: list[subprocess.Popen] = []

    def run(arguments: Sequence[object], **options: object) -> subprocess.Popen:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        started.append(subprocess.Popen([sys.executable, *map(str, arguments)], cwd=ROOT, env=environment, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options))
        return started[-1]

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
