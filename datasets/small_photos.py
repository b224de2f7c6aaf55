"""CIFAR-10 or Fashion-MNIST as an image folder, from torchvision's download.

    python -m datasets.small_photos cifar10 --output data/cifar10
    python -m datasets.small_photos fashion_mnist --output data/fashion_mnist

Writes train/<class>/ and val/<class>/ (their test set) as PNG with the published pixels: 50,000 and 10,000 of 32×32
(Krizhevsky 2009), or 60,000 and 10,000 of 28×28, grey (Xiao et al. 2017).
"""

from pathlib import Path

from torchvision.datasets import CIFAR10, FashionMNIST

from datasets.imagenet.imagenet100 import place
from datasets.record import RECORD, make_record
from utils.cli import UserError, parser, run
from utils.files import atomic_open, locked, read_record, write_json
from utils.progress import Progress

DATASETS = {"cifar10": CIFAR10, "fashion_mnist": FashionMNIST}


def write_small_photos(name: str, root: Path | str) -> None:
    """Download dataset `name` of DATASETS to `root`/download and write it as an image folder; goes on where it was
    stopped.

    A split appears under its name when it is whole, the record after both.
    Raises UserError if the download fails, or if `root` holds something else or is being written by someone else.
    """
    root = Path(root)
    record, download = root / RECORD, root / "download" / name
    if record.exists() and read_record(record).get("name") == name:
        return  # also where the download has been removed to make room
    if root.is_dir() and any(root.iterdir()) and not download.exists():
        raise UserError(f"{root} holds other files; choose another --output")
    download.mkdir(parents=True, exist_ok=True)
    with locked(root / ".lock", f"{root} is being written by another process; wait for it"):
        counts = {}
        for split in ("train", "val"):
            try:
                data = DATASETS[name](download, train=split == "train", download=True)
            except (OSError, RuntimeError) as error:
                raise UserError(f"{name} could not be downloaded to {download} ({error}); see that there is a network "
                                "and room for 1 GB, or use other images in train/<class>/ and val/<class>/") from None
            counts[split] = len(data)
            folder = place(root, split)
            with Progress(len(data), f"writing {root / split}", "images") as progress:
                for i, (image, label) in enumerate(data):
                    path = folder / data.classes[label].replace("/", "-") / f"{i:05d}.png"
                    if not path.exists():
                        path.parent.mkdir(parents=True, exist_ok=True)
                        with atomic_open(path, durable=False) as file:
                            image.save(file, "PNG")
                    progress.update(1)
            folder.rename(root / split)
        write_json(record, make_record(name, "torchvision", counts))


def main() -> None:
    p = parser("python -m datasets.small_photos", __doc__)
    p.add_argument("name", choices=list(DATASETS), help="cifar10 or fashion_mnist")
    p.add_argument("--output", help="folder to write (default: data/NAME)")
    args = p.parse_args()
    output = args.output or f"data/{args.name}"
    write_small_photos(args.name, output)
    print(f"{output}: {args.name}, train/<class>/ and val/<class>/")


if __name__ == "__main__":
    run(main)
