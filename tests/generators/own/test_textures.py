"""Textures: waves and warps against plain NumPy, and the chances of the patterns."""

import numpy as np
from scipy import ndimage, stats

from generators.own import textures
from generators.own.textures import NOISE, PROGRAM, plane_waves, random_pattern, random_texture, random_waves, warp
from utils.seeding import generator


def test_waves_are_their_formula():
    rng, size = generator(1, 0), 12
    waves, bend = rng.uniform(0.5, 3, (2, 3, 5)).astype(np.float32), rng.normal(size=(size, size)).astype(np.float32)
    out = np.empty((2, size, size), np.float32)
    plane_waves(waves, bend, out)
    y, x = np.mgrid[:size, :size] / size
    for field, parts in zip(out, waves, strict=True):
        phases = [across * x + down * y + phase + bend for across, down, phase, _, _ in parts]
        plain = sum(weight * np.sin(np.arctan(slope * np.sin(2 * np.pi * phase)))
                    for phase, (_, _, _, weight, slope) in zip(phases, parts, strict=True))
        np.testing.assert_allclose(field, plain, atol=0.05)


def test_a_warp_fetches_from_where_it_says():
    rng, size = generator(2, 0), 16
    fields, moves = rng.normal(size=(2, size, size)).astype(np.float32), rng.normal(size=(2, size, size))
    moves = moves.astype(np.float32)
    np.testing.assert_array_equal(warp(fields, moves, 0), fields)
    places = np.mgrid[:size, :size] + 3 * moves[::-1]
    for field, moved in zip(fields, warp(fields, moves, 3), strict=True):
        np.testing.assert_allclose(moved, ndimage.map_coordinates(field, places, order=1, mode="mirror"), atol=1e-3)


def test_patterns_come_by_their_chances(monkeypatch):
    monkeypatch.setattr(textures, "random_program", lambda *_: 0)
    monkeypatch.setattr(textures, "streaks", lambda *_: 1)
    monkeypatch.setattr(textures, "random_waves", lambda *_: 2)
    counts = np.bincount([random_pattern(generator(3, i), 8) for i in range(1000)])
    assert stats.chisquare(counts, [1000 * PROGRAM, 1000 * (NOISE - PROGRAM), 1000 * (1 - NOISE)]).pvalue > 0.001


def test_textures_are_nearly_standard_fields():
    rng = generator(4, 0)
    assert np.abs(random_waves(rng, 16).std(axis=(1, 2)) - 1).max() < 1e-2
    fields = np.stack([random_texture(rng, 32) for _ in range(60)])
    assert fields.shape == (60, 3, 32, 32) and np.isfinite(fields).all()
    assert abs(fields.mean()) < 0.1 and abs(np.median(fields.std(axis=(2, 3))) - 1) < 0.05
