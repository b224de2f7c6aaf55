"""CIFAR-10 as an image folder, from torchvision's download.

    python -m datasets.cifar10 --output data/cifar10

Writes train/<class>/ (50,000) and val/<class>/ (10,000) as PNG, 32×32: the published pixels (Krizhevsky 2009).
"""

from pathlib import Path

from torchvision.datasets import CIFAR10

from utils.cli import UserError, parser, run
from utils.files import atomic_open, write_json
from utils.progress import Progress


def write_cifar10(root: Path | str) -> None:
    """Download CIFAR-10 to `root`/download and write it as an image folder; goes on where it was stopped.

    Raises UserError if the download fails, or if `root` holds something else.
    """
    root = Path(root)
    done = root / "done.json"
    if done.exists():
        return
    if root.is_dir() and any(root.iterdir()) and not (root / "download").exists():
        raise UserError(f"{root} holds other files; choose another --output")
    (root / "download").mkdir(parents=True, exist_ok=True)
    for split in ("train", "val"):
        try:
            data = CIFAR10(root / "download", train=split == "train", download=True)
        except (OSError, RuntimeError) as error:
            raise UserError(f"CIFAR-10 could not be downloaded to {root}/download ({error}); see that there is a "
                            "network and room for 1 GB, or use other images in train/<class>/ and val/<class>/"
                            ) from None
        with Progress(len(data), f"writing {root / split}", "images") as progress:
            for i, (image, label) in enumerate(data):
                path = root / split / data.classes[label] / f"{i:05d}.png"
                if not path.exists():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with atomic_open(path, durable=False) as file:
                        image.save(file, "PNG")
                progress.update(1)
    write_json(done, {"name": "cifar10", "train": 50_000, "val": 10_000})


def main() -> None:
    p = parser("python -m datasets.cifar10", __doc__)
    p.add_argument("--output", default="data/cifar10", help="folder to write")
    args = p.parse_args()
    write_cifar10(args.output)
    print(f"{args.output}: CIFAR-10, 50,000 train and 10,000 val images")


if __name__ == "__main__":
    run(main)
