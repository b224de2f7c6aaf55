"""Where the phases of a step end. Nothing listens but the profile (`training.step_profile`)."""

import contextlib
from collections.abc import Callable, Iterator

_listener: Callable[[str], None] | None = None


def lap(phase: str) -> None:
    """Say that a phase of a step has ended."""
    if _listener:
        _listener(phase)


@contextlib.contextmanager
def listening(listener: Callable[[str], None]) -> Iterator[None]:
    """Inside the block `listener` is called at the end of each phase."""
    global _listener
    _listener = listener
    try:
        yield
    finally:
        _listener = None
