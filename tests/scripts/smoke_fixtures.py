"""Small stand-ins for the real data, in its formats: what scripts/experiments/smoke.sh works on.

    PYTHONPATH=. python tests/scripts/smoke_fixtures.py FOLDER
"""

import io
import sys
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from datasets.imagenet.imagenet100 import read_classes
from models import random_encoder
from models.resnet50 import ResNet50
from tests.files import saved, zipped

IMAGES = 24  # of a released dataset


def picture(label: int, number: int, classes: int) -> bytes:
    """A JPEG of coarse random blocks, whose red tells the class."""
    blocks = np.random.default_rng((label, number)).integers(0, 256, (5, 5, 3), np.uint8)
    blocks[..., 0] = 255 * label // classes
    jpeg = io.BytesIO()
    Image.fromarray(blocks).resize((40, 40), Image.Resampling.NEAREST).save(jpeg, "JPEG")
    return jpeg.getvalue()


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def imagenet(folder: Path) -> None:
    """ImageNet-1k with two train images and one val image of each of the hundred classes, and one class more."""
    for label, synset in enumerate([*read_classes(), "n00000001"]):
        for number, split in enumerate(("train", "train", "val")):
            write(folder / split / synset / f"{synset}_{number}.JPEG", picture(label, number, 101))


def dtd_shards(folder: Path) -> None:
    """VTAB's dtd as tar shards, two images a class in each split."""
    for split in ("train", "test"):
        write(folder / split / "nshards.txt", b"1\n")
        with tarfile.open(folder / split / "0.tar", "w") as tar:
            for i in range(94):
                for suffix, data in ((".jpg", picture(i // 2, i % 2, 47)), (".cls", str(i // 2).encode())):
                    member = tarfile.TarInfo(f"s{i:07d}{suffix}")
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))


def photos(folder: Path) -> None:
    """Labelled photos of two classes, 70 and 6 of each."""
    for split, count in (("train", 70), ("val", 6)):
        for label, name in enumerate(("cat", "dog")):
            for number in range(count):
                write(folder / split / name / f"{number}.jpg", picture(label, number, 2))


def released(folder: Path) -> None:
    """Of each kind of file that the authors released, one."""
    for path in ("zipped_data/small_scale/dead_leaves-squares.zip", "zipped_data/large_scale/stylegan-oriented.zip"):
        write(folder / path, zipped({f"train/00000000/{i:08d}.jpg": picture(i, 0, IMAGES) for i in range(IMAGES)}))
    small, large = random_encoder(0, 1 / 32).state_dict(), ResNet50().initialize(0).state_dict()
    write(folder / "encoders/small_scale/dead_leaves-oriented/encoder.pth", saved(small))
    write(folder / "encoders/large_scale/mixed-4/checkpoint_0799.pth.tar",
          saved({"state_dict": {f"module.encoder_q.{name}": value for name, value in large.items()}}))


def srun(path: Path) -> None:
    """An srun that starts its processes one after another; after --ntasks one more option may come."""
    write(path, b"""#!/usr/bin/env bash
[[ "$1" != --ntasks=* ]] || { SLURM_NTASKS="${1#*=}"; shift 2; }
[[ "$SLURM_NTASKS" != 1 ]] || SLURM_PROCID=0 exec "$@"
for ((i = 0; i < SLURM_NTASKS; i++)); do SLURM_PROCID=$i "$@" || exit; done
""")
    path.chmod(0o755)


def scontrol(path: Path) -> None:
    """A scontrol that knows one node, this one, and notes what it is told."""
    write(path, b"""#!/usr/bin/env bash
[[ "$1" != show ]] || { echo 127.0.0.1; exit; }
echo "$@" >>scontrol.log
""")
    path.chmod(0o755)


if __name__ == "__main__":
    root = Path(sys.argv[1])
    imagenet(root / "imagenet")
    dtd_shards(root / "wds_vtab-dtd")
    photos(root / "photos")
    released(root / "server")
    srun(root / "bin/srun")
    scontrol(root / "bin/scontrol")
