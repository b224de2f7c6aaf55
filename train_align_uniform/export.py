"""The end of a run: encoder.pth, and done.json with its SHA-256, by which it is known again."""

from typing import Any

from models import save_encoder
from models.resnet50 import load_any_encoder
from train_align_uniform.status import intact
from train_align_uniform.trainer import Trainer
from utils.cli import UserError
from utils.files import sha256
from utils.run_folder import RunFolder

TERMS = ("loss", "align", "uniform")


def export(trainer: Trainer, run: RunFolder) -> None:
    """Write encoder.pth and then the done-record. Raises UserError if metrics.jsonl lacks the last step."""
    encoder = run.path / "encoder.pth"
    save_encoder(trainer.encoder, encoder)
    steps = run.metrics(*TERMS)
    if not steps or steps[-1]["step"] != trainer.step:
        raise UserError(f"{run.metrics_path} lacks step {trainer.step}, which {run.path}/last.pth is at; put it back, "
                        f"or delete {run.path} to start again")
    run.finish(steps=trainer.step, seconds=round(trainer.seconds, 1), **{name: steps[-1][name] for name in TERMS},
               encoder_sha256=sha256(encoder))


def finished(run: RunFolder) -> dict[str, Any] | None:
    """The done-record of a run whose encoder is as it was exported, or None."""
    done = run.done("steps", "seconds", "align", "uniform")
    return done if done and intact(run.path / "encoder.pth", done) else None


def export_again(run: RunFolder) -> None:
    """Write the encoder of a finished run from its last checkpoint. Raises UserError if that is not there, or no
    longer what it was."""
    last = run.path / "last.pth"
    try:
        save_encoder(load_any_encoder(last), run.path / "encoder.pth")
    except UserError as error:
        raise UserError(f"{run.path}/encoder.pth is missing or damaged, and cannot be exported again: {error}. Delete "
                        f"{run.path} to train again") from None
    run.finish(**{**(run.done() or {}), "encoder_sha256": sha256(run.path / "encoder.pth")})
