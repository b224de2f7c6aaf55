"""Export the encoder of a training checkpoint, at whatever step it was saved.

    python -m models.export runs/mine/last.pth encoder.pth
    python -m models.export moco/checkpoint_0199.pth.tar resnet50.pth        # MoCo's query encoder

The result is a bare state dict with the published names, without prefixes of DataParallel or torch.compile. Probes read
checkpoints as they are; this is for keeping an encoder, or for other programs.
"""

from pathlib import Path

from models import load_encoder
from models.checkpoint import save_encoder
from utils.cli import UserError, parser, run


def main() -> None:
    p = parser("python -m models.export", __doc__)
    p.add_argument("checkpoint", type=Path, help="last.pth of a run, or any file that holds an encoder")
    p.add_argument("output", type=Path, help="file to write")
    args = p.parse_args()
    if args.output.exists():
        raise UserError(f"{args.output} is there already; choose another name, or remove it")
    encoder = load_encoder(args.checkpoint)
    save_encoder(encoder, args.output)
    print(f"{args.output}: the {type(encoder).__name__} in {args.checkpoint}")


if __name__ == "__main__":
    run(main)
