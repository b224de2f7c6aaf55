"""The end of a run: encoder.pth, and done.json with its SHA-256, by which it is known again."""

from typing import Any

from models import load_encoder, save_encoder
from training.learner import Learner
from training.trained import intact
from utils.cli import UserError
from utils.files import sha256
from utils.run_folder import RunFolder


def finish(learner: Learner, run: RunFolder, seconds: float) -> None:
    """Export, and then write the done-record. Raises UserError if metrics.jsonl lacks the last step."""
    learner.export(run.path)
    steps = run.metrics(*learner.shown)
    if not steps or steps[-1]["step"] != learner.total_steps:
        raise UserError(f"{run.metrics_path} lacks step {learner.total_steps}, which {run.path}/last.pth is at; put it "
                        f"back, or delete {run.path} to start again")
    run.finish(steps=learner.total_steps, seconds=round(seconds, 1),
               **{name: steps[-1][name] for name in learner.shown},
               encoder_sha256=sha256(run.path / "encoder.pth"))


def finished(run: RunFolder, shown: tuple[str, ...]) -> dict[str, Any] | None:
    """The done-record of a run, with the numbers `shown`; None if its exported encoder is lost or has changed."""
    done = run.done("steps", "seconds", *shown)
    return done if done and intact(run.path / "encoder.pth", done) else None


def export_again(run: RunFolder) -> None:
    """Write the encoder of a finished run from its last checkpoint. Raises UserError if that is lost or has
    changed."""
    last = run.path / "last.pth"
    try:
        save_encoder(load_encoder(last), run.path / "encoder.pth")
    except UserError as error:
        raise UserError(f"{run.path}/encoder.pth is missing or damaged, and cannot be exported again: {error}. Delete "
                        f"{run.path} to train again") from None
    run.finish(**{**(run.done() or {}), "encoder_sha256": sha256(run.path / "encoder.pth")})
