"""The table of VTAB's tasks: its sums, and the label rules against their definition."""

import math
from fractions import Fraction

import pytest

from datasets.vtab.tasks import GROUPS, ROUTES, TASKS
from tests.files import user_error


def test_nineteen_tasks_in_three_groups_whose_sizes_add_up():
    assert [sum(task.group == group for task in TASKS.values()) for group in GROUPS] == [7, 4, 8] and len(TASKS) == 19
    for name, task in TASKS.items():
        assert name == task.name and task.train + task.val == task.trainval and set(task.routes) <= set(ROUTES)
        for route in task.routes:
            split, train, val = task.sizes(route)
            assert train == (task.trainval if split == "trainval" else task.train) + (name == "sun397")
            assert val == task.test and (split == "trainval" or "validation images are not" in task.note(route))
    for field in ("vtab_1k", "repository"):
        assert len({getattr(task, field) for task in TASKS.values()}) == 19


@pytest.mark.parametrize("name, native, divisor", [
    ("dsprites_location", 32, Fraction(2)), ("dsprites_orientation", 40, Fraction(5, 2)), ("dtd", 47, Fraction(1))])
def test_the_label_rule_is_floor_division(name, native, divisor):
    task = TASKS[name]
    labels = [task.label(label, "") for label in range(native)]
    assert labels == [math.floor(label / divisor) for label in range(native)]
    assert sorted(set(labels)) == list(range(task.classes))
    for label in (-1, native):
        user_error(rf"0.tar: s has label {label}, .* 0 to {native - 1}", task.label, label, "0.tar: s")
