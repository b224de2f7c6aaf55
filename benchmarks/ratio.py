"""Timing two sides in one run: ratios within a pair of measurements survive a machine whose speed drifts."""

import statistics
import time
from collections.abc import Callable

Clock = Callable[[], float]


def seconds(function: Callable[[], object], clock: Clock = time.perf_counter) -> float:
    """Time of one call: of the clock on the wall, or of another such as `time.process_time`."""
    start = clock()
    function()
    return clock() - start


def ratios(slow: Callable[[], object], fast: Callable[[], object], repeats: int,
           clock: Clock = time.perf_counter) -> tuple[list[float], list[float]]:
    """slow / fast for each of `repeats` pairs timed in turn after one warm-up of both, and the seconds of `fast`."""
    slow(), fast()
    pairs = [(seconds(slow, clock), seconds(fast, clock)) for _ in range(repeats)]
    return [a / b for a, b in pairs], [b for _, b in pairs]


HEADER = "| ratio | median | range | target | |\n|---|---|---|---|---|"


def row(label: str, values: list[float], target: str, extra: str = "") -> str:
    """A row of the table under HEADER."""
    spread = f"{min(values):.3g} to {max(values):.3g}"
    return f"| {label} | {statistics.median(values):.3g} | {spread} | {target} | {extra} |"
