"""How many processor cores there are for us. Apart from `utils.devices`, because that one loads torch."""

import os


def usable_cpus() -> int:
    """CPU cores this process may run on (fewer than the machine's under a batch system)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
