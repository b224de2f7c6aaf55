"""Progress of long work: a bar on a terminal, a plain line now and then in a log."""

import sys
import time

from tqdm import tqdm


class Progress:
    """Counts `total` units of work; `update(n)` after each part.

    On a terminal this is a tqdm bar on stderr; elsewhere a line is printed at most every `seconds` and once at the end.
    A total of 0 is one that is not known. `done` units were finished by an earlier run: they count towards the total
    but not the speed. The work on the others began at `started` (of `time.monotonic`; default: now).
    """

    def __init__(self, total: int, label: str, unit: str, done: int = 0, seconds: float = 15.0,
                 started: float | None = None):
        self.total, self.label, self.unit, self.seconds = total, label, unit, seconds
        self.count = self.start_count = self.shown = done
        self.last = time.monotonic()
        self.start = self.last if started is None else started
        terminal = sys.stderr is not None and sys.stderr.isatty()  # None: closed when Python started
        self.bar = tqdm(total=total or None, desc=label, unit=f" {unit}", initial=done) if terminal else None

    def update(self, n: int, **shown: float) -> None:
        """Advance by `n` units; `shown` values are printed beside the bar."""
        self.count += n
        if self.bar is not None:
            if shown:
                self.bar.set_postfix({key: f"{value:.4g}" for key, value in shown.items()}, refresh=False)
            self.bar.update(n)
        elif time.monotonic() - self.last >= self.seconds:
            self.last = time.monotonic()
            self._line(shown)

    def _line(self, shown: dict[str, float]) -> None:
        self.shown = self.count
        speed = (self.count - self.start_count) / max(time.monotonic() - self.start, 1e-9)
        left = f", {(self.total - self.count) / speed:.0f} s left" if speed > 0 and self.count < self.total else ""
        values = "".join(f", {key} {value:.4g}" for key, value in shown.items())
        of = f"/{self.total}" if self.total else ""
        print(f"{self.label}: {self.count}{of} {self.unit}, {speed:.1f}/s{left}{values}", flush=True)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
        elif self.count > self.shown:
            self._line({})

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
