"""How many processor cores this process may use. Not in `utils.devices`, because that loads torch."""

import os


def usable_cpus() -> int:
    """CPU cores this process may run on (fewer than the machine's under a batch system)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_workers(processes: int = 1) -> int:
    """Worker processes for each of `processes` that share the cores: one a core, up to 8 and at least 1."""
    return max(min(8, usable_cpus() // processes), 1)
