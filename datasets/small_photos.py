"""CIFAR-10, Fashion-MNIST or Tiny-ImageNet as an image folder, from the published archives.

    python -m datasets.small_photos cifar10 --output data/cifar10
    python -m datasets.small_photos fashion_mnist --output data/fashion_mnist
    python -m datasets.small_photos tiny_imagenet                      # to data/tiny_imagenet, 200 classes
    python -m datasets.small_photos tiny_imagenet --classes 100        # to data/tiny_imagenet-100

Writes train/<class>/ and val/<class>/. Of the first two, by torchvision's download, as PNG with the published pixels,
val being their test set: 50,000 and 10,000 of 32×32 (Krizhevsky 2009), or 60,000 and 10,000 of 28×28, grey (Xiao et al.
2017). Of Tiny-ImageNet the published JPEG files of 64×64, 100,000 and 10,000: see `datasets.tiny_imagenet`, also for
the terms, which are ImageNet's.
"""

from pathlib import Path

from torchvision.datasets import CIFAR10, FashionMNIST

from datasets.image_folders.record import RECORD, make_record
from datasets.imagenet.imagenet100 import place
from datasets.tiny_imagenet import ALL, name_of, write_tiny_imagenet
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
    p.add_argument("name", choices=[*DATASETS, "tiny_imagenet"], help="which photos")
    p.add_argument("--output", help="folder to write (default: data/NAME)")
    p.add_argument("--classes", type=int, choices=(100, ALL),
                   help=f"of Tiny-ImageNet: every second class of the sorted list, or all (default: {ALL})")
    p.add_argument("--archive", type=Path, help="of Tiny-ImageNet: tiny-imagenet-200.zip, if it is already here")
    args = p.parse_args()
    tiny = args.name == "tiny_imagenet"
    if not tiny and (args.classes or args.archive):
        raise UserError("--classes and --archive are for tiny_imagenet; leave them out")
    name = name_of(args.classes or ALL) if tiny else args.name
    output = args.output or f"data/{name}"
    if tiny:
        write_tiny_imagenet(output, args.classes or ALL, args.archive)
    else:
        write_small_photos(name, output)
    print(f"{output}: {name}, train/<class>/ and val/<class>/")


if __name__ == "__main__":
    run(main)
