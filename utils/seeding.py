"""Counter-based randomness: every random number is a pure function of a key and a counter.

Nothing here has state, so the number of workers, the order of work and a restart cannot change what is drawn.
"""

import hashlib
import json
from typing import Any

import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX1 = np.uint64(0xBF58476D1CE4E5B9)
MIX2 = np.uint64(0x94D049BB133111EB)


def stable_key(*parts: Any) -> int:
    """A 64-bit key for `parts` (anything JSON can hold): the head of their SHA-256, the same on every machine."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def generator(key: int, index: int) -> np.random.Generator:
    """NumPy's Philox generator (Salmon et al. 2011) for counter `index` under `key`; streams never overlap."""
    return np.random.Generator(np.random.Philox(key=np.array([key, index], dtype=np.uint64)))


def uniforms(key: int, indices: np.ndarray, count: int) -> np.ndarray:
    """`count` uniform numbers for each index, all at once: float64 [len(indices), count] in [0, 1).

    Number j of index i is element i * count + j of the SplitMix64 sequence (Steele, Lea and Flood 2014) seeded with
    `key`, so a row does not depend on which other rows are asked for. For one key always use one `count`.
    """
    element = np.asarray(indices).astype(np.uint64)[:, None] * np.uint64(count) + np.arange(count, dtype=np.uint64)
    z = np.uint64(key) + (element + np.uint64(1)) * GOLDEN  # uint64 arrays wrap around, as the definition asks
    z = (z ^ (z >> np.uint64(30))) * MIX1
    z = (z ^ (z >> np.uint64(27))) * MIX2
    z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def permutation(key: int, epoch: int, count: int) -> np.ndarray:
    """The order in which `count` items are visited in `epoch`: int64 [count]."""
    return generator(key, epoch).permutation(count)
