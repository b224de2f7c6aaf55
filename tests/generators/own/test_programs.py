"""Random programs: every step against its formula in plain NumPy, and the noise against the law it claims."""

import numpy as np
import pytest
from scipy import stats

from generators.own.programs import (
    CHANCES,
    EITHER,
    INPUTS,
    LARGER,
    PRODUCT,
    RIDGE,
    SINE,
    STEP,
    TRIANGLE,
    place_inputs,
    power_noise,
    random_program,
    random_steps,
    run_program,
    sine,
    standardise,
)
from utils.seeding import generator

FORMULAS = {
    SINE: lambda a, b, d, w, v, s, g: np.sin(2 * np.pi * (g * (w * a + v * b) + s)),
    STEP: lambda a, b, d, w, v, s, g: np.sin(np.arctan(g * (w * a + v * b + s))),
    PRODUCT: lambda a, b, d, w, v, s, g: (a + s) * b,
    RIDGE: lambda a, b, d, w, v, s, g: 1 / (1 + (g * (w * a + v * b + s)) ** 2),
    TRIANGLE: lambda a, b, d, w, v, s, g: np.abs((g * (w * a + v * b) + s) % 1 - 0.5),
    LARGER: lambda a, b, d, w, v, s, g: np.maximum(w * a, v * b + s),
    EITHER: lambda a, b, d, w, v, s, g: d + (b - d) * (1 + np.sin(np.arctan(g * (a + s)))) / 2,
}


def test_every_step_is_its_formula():
    for i in range(20):
        rng = generator(1, i)
        kinds, sources, numbers = random_steps(rng, 16)
        fields = np.zeros((INPUTS + 16, 400), np.float32)
        fields[:INPUTS] = rng.normal(size=(INPUTS, 400))
        run_program(kinds, sources, numbers, fields)
        for n, kind in enumerate(kinds):
            expected = FORMULAS[kind](*fields[sources[n]].astype(float), *numbers[n].astype(float))
            if expected.std() > 0.05:  # else what is divided is the error of the sine
                expected = (expected - expected.mean()) / expected.std()
                np.testing.assert_allclose(fields[INPUTS + n], expected, rtol=0.02, atol=0.05, err_msg=str(kind))


def test_steps_come_by_their_chances_and_use_earlier_fields():
    steps = [random_steps(generator(2, i), 16) for i in range(100)]
    kinds = np.concatenate([kinds for kinds, _, _ in steps])
    assert stats.chisquare(np.bincount(kinds), len(kinds) * np.diff(CHANCES, prepend=0)).pvalue > 0.001
    for _, sources, _ in steps:
        assert (sources >= 0).all() and (sources < INPUTS + np.arange(16)[:, None]).all()


def test_sine():
    turns = np.linspace(-3, 3, 1001, dtype=np.float32)
    np.testing.assert_allclose([sine(turn) for turn in turns], np.sin(2 * np.pi * turns), atol=0.002)


def test_standardise():
    field = generator(3, 0).normal(5, 3, 1000).astype(np.float32)
    expected = (field - field.mean()) / field.std()
    standardise(field)
    np.testing.assert_allclose(field, expected, atol=1e-4)
    flat = np.full(10, 7, np.float32)
    standardise(flat)
    assert (flat == 0).all()


def test_inputs():
    fields, size = np.empty((4, 64), np.float32), 8
    place_inputs(fields, size, 0, 0.5, -0.25, 2)
    v, u = (np.mgrid[:size, :size] + 0.5) * 2 / size - 1
    for field, plain in zip(fields, (u, v, np.hypot(u - 0.5, v + 0.25), np.cos(2 * np.arctan2(v + 0.25, u - 0.5))),
                            strict=True):
        np.testing.assert_allclose(field, ((plain - plain.mean()) / plain.std()).ravel(), atol=1e-4)


@pytest.mark.parametrize(("exponent", "stretch", "angle"), [(1, 1, 0), (2, 1, 0.4), (1.5, 4, 0), (1.5, 4, np.pi / 2)])
def test_noise_has_its_spectrum(exponent, stretch, angle):
    size, count = 64, 60
    power = np.mean([np.abs(np.fft.fft2(field)) ** 2 for i in range(count // 3)
                     for field in power_noise(generator(4, i), size, exponent, stretch, angle, 3)], axis=0)
    across, down = np.meshgrid(*[np.fft.fftfreq(size, 1 / size)] * 2)
    along, beside = np.cos(angle) * across + np.sin(angle) * down, np.cos(angle) * down - np.sin(angle) * across
    f = np.hypot(stretch * along, beside)
    f[0, 0] = np.inf
    half = np.zeros((size, size), bool)  # half of the plane: the other one mirrors it
    half[:, 1 : size // 2] = True
    ratio = (power * f ** (2 * exponent))[half]
    # Of a frequency the mean of `count` exponential powers; fields divided by their own deviation vary by a bit more.
    assert abs(ratio.std() / ratio.mean() - count**-0.5) < 0.04
    for rows in (ratio[f[half] < 8], ratio[f[half] > 16]):
        assert abs(rows.mean() / ratio.mean() - 1) < 4 * (count * len(rows)) ** -0.5 + 0.1


def test_noise_is_standard():
    field = power_noise(generator(5, 0), 32, 1.5)[0]
    assert abs(field.mean()) < 1e-4 and abs(field.std() - 1) < 1e-3 and field.dtype == np.float32


def test_programs_are_standard_fields():
    for i in range(20):
        for field in random_program(generator(6, i), 16):
            assert abs(field.mean()) < 1e-3 and (abs(field.std() - 1) < 1e-2 or (np.abs(field) < 0.1).all())
