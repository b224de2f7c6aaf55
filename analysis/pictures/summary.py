"""One picture of an experiment: the images an encoder learned from, its filters, what it was asked, its accuracy.

    python -m analysis.pictures.summary quickstart/runs/own-mixed/seed-0/encoder.pth --images quickstart/images \
        --photos quickstart/animals --chart quickstart/report/accuracy.png --output quickstart/report/summary.png

The chart is any picture; that of `python -m linear_eval.report` is meant.
"""

from pathlib import Path

from PIL import Image

from analysis.pictures.filters import filters
from analysis.pictures.sheet import enlarged, open_network
from datasets.image_folders.folder import read_rgb
from generators.contact_sheet import block, overview, save, source_of
from utils.cli import parser, run

ROWS = 4  # of pictures in each block


def main() -> None:
    p = parser("python -m analysis.pictures.summary", __doc__)
    p.add_argument("encoder", metavar="ENCODER", help="encoder.pth of a network that begins with filters over colours")
    p.add_argument("--images", required=True, metavar="SET", help="what it was trained on: folder or named dataset")
    p.add_argument("--photos", required=True, metavar="DIR", help="what it was probed on")
    p.add_argument("--chart", required=True, type=Path, metavar="FILE", help="picture of the result")
    p.add_argument("--output", required=True, type=Path, help="the picture, .png or .jpg")
    args = p.parse_args()
    pictures = filters(open_network(args.encoder))
    blocks = []
    for text, source in (("It learned from these", args.images), ("and was asked, frozen, about these", args.photos)):
        _, read = source_of(source, 0, "")
        blocks.append(block(text, [enlarged(image) for image in read(ROWS * ROWS)], ROWS))
    blocks.insert(1, block("It grew these filters", [enlarged(x) for x in pictures[: ROWS * ROWS]], ROWS))
    chart = read_rgb(args.chart)
    chart.thumbnail((10**4, blocks[0].height), Image.Resampling.LANCZOS)
    save(overview([*blocks, chart], 4), args.output)
    print(f"{args.output}: {args.images}, {args.encoder}, {args.photos}, {args.chart}")


if __name__ == "__main__":
    run(main)
