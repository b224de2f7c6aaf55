"""Tables beside the published figures: the right means, each setting apart, and nothing missing that is not named."""

import csv
import io

import numpy as np
import pytest
from PIL import Image

from datasets.vtab.tasks import TASKS
from linear_eval.tables.paper_tables import (
    comma_separated,
    imagenet_sections,
    left_out,
    markdown,
    vtab_sections,
    write_paper_tables,
)

NATURAL = [name for name, task in TASKS.items() if task.group == "natural"]


def result(name: str, accuracy: float, task: str = "imagenet100", *, limit: int | None = None, seed: int = 0,
           **facts: object) -> dict:
    available = TASKS[task[5:]].trainval if task.startswith("vtab-") else 126_689
    train = min(limit or available, available)
    return {"encoder": name, "architecture": "SmallAlexNet", "layer": "fc6", "width": 1.0, "kind": "encoder",
            "encoder_sha256": f"{name} {seed}", "task": task, "task_sha256": task, "protocol": "paper", "seed": seed,
            "selection": "uniform" if train < available else "all", "accuracy": accuracy,
            "counts": {"train": train, "train_available": available, "val": 5000, "classes": 100}, **facts}


def baseline(name: str, accuracy: float, **arguments: object) -> dict:
    row = result(name, accuracy, **arguments)
    return {**{key: row[key] for key in row.keys() - {"architecture", "layer", "width", "encoder_sha256"}},
            "kind": "baseline"}


def accuracies(name: str, seed: int) -> dict[str, float]:
    rng = np.random.default_rng([seed, *name.encode()])
    return {task: round(rng.uniform(10, 90), 2) for task in TASKS}


@pytest.fixture
def vtab() -> list[dict]:
    """Dead leaves with two seeds and all tasks, and a third without svhn; stat-wmm with two tasks missing."""
    rows = [result("dead_leaves-mixed", value, f"vtab-{task}", limit=20_000, seed=seed) for seed in range(3)
            for task, value in accuracies("dead_leaves-mixed", seed).items() if (seed, task) != (2, "svhn")]
    rows += [result("stat-wmm", value, f"vtab-{task}", limit=20_000)
             for task, value in accuracies("stat-wmm", 0).items() if task not in ("pets", "eurosat")]
    return rows


def test_imagenet100_beside_the_paper():
    rows = [result("stylegan-oriented", value, seed=seed) for seed, value in enumerate((44.0, 45.0))]
    rows += [result("ImageNet-100", 65.0), result("my encoder", 30.0), baseline("raw pixels", 8.0)]
    lines = markdown("ImageNet-100", imagenet_sections(rows, "imagenet100")).splitlines()
    assert "## Protocol paper, all training images, fc6 of SmallAlexNet" in lines
    assert "| | | imagenet100 | published (digitised ± 0.1) | difference |" in lines
    assert "|  | stylegan-oriented | 44.50 ± 0.71 (n = 2) | 43.4 | +1.1 |" in lines
    assert "|  | raw pixels | 8.00 (n = 1) | 8.9 | -0.9 |" in lines
    assert "|  | ImageNet-100 | 65.00 (n = 1) | >63 |  |" in lines  # the published bar is cut off: no difference
    assert "|  | random initialisation | missing | 21.1 (digitised ± 0.2) |  |" in lines
    assert "| dead leaves | dead_leaves-squares | missing | 35.1 |  |" in lines
    assert "| other | my encoder | 30.00 (n = 1) |  |  |" in lines
    assert lines[-1].startswith("Published: ImageNet-100 linear top-1 of the paper (AlexNet") and len(lines) < 50
    assert not any("rank correlation" in line for line in lines)  # one noise dataset is no ranking


def test_rank_correlation_over_noise_datasets_only():
    names = {"stat-wmm": 30, "stat-spectrum": 31, "stylegan-oriented": 50, "Places": 1, "random initialisation": 99}
    text = markdown("", imagenet_sections([result(*item) for item in names.items()], "imagenet100"))
    assert "Spearman's rank correlation with the published figures +0.50 over 3 noise datasets" in text


def test_settings_stand_apart():
    rows = [result("stat-wmm", 31.0), result("stat-wmm", 25.0, width=0.25), result("stat-wmm", 33.0, protocol="cached"),
            result("stat-wmm", 20.0, limit=5000), baseline("raw pixels", 8.0),
            result("stylegan-oriented", 58.0, architecture="ResNet50", layer="avgpool", width=0)]
    sections = {str(section.setting): section.headline[0] for section in imagenet_sections(rows, "imagenet100")}
    assert {text: column.ours for text, column in sections.items()} == {
        "protocol paper, all training images, fc6 of SmallAlexNet": {"stat-wmm": [31.0], "raw pixels": [8.0]},
        "protocol paper, up to 5,000 training images (uniform), fc6 of SmallAlexNet": {"stat-wmm": [20.0]},
        "protocol paper, all training images, fc6 of SmallAlexNet at width 0.25": {"stat-wmm": [25.0],
                                                                                    "raw pixels": [8.0]},
        "protocol cached, all training images, fc6 of SmallAlexNet": {"stat-wmm": [33.0]},
        "protocol paper, all training images, avgpool of ResNet50": {"stylegan-oriented": [58.0], "raw pixels": [8.0]}}
    large = sections["protocol paper, all training images, avgpool of ResNet50"]
    assert large.difference("stylegan-oriented") == pytest.approx(58 - 58.70)
    assert large.figures["stylegan-oriented"].read == "exact"


def test_vtab_means(vtab):
    [section] = vtab_sections(vtab)  # tasks of at most 20,000 images belong to the limit of 20,000
    natural, specialized, structured = section.headline
    expected = [np.mean([accuracies("dead_leaves-mixed", seed)[task] for task in NATURAL]) for seed in (0, 1)]
    assert natural.ours["dead_leaves-mixed"] == pytest.approx(expected)  # seed 2 lacks svhn
    assert natural.sd("dead_leaves-mixed") == pytest.approx(np.std(expected, ddof=1))
    assert natural.difference("dead_leaves-mixed") == pytest.approx(np.mean(expected) - 34.6)
    assert natural.partial == {"stat-wmm": "6 of 7 tasks, missing pets"} and "stat-wmm" not in natural.ours
    assert specialized.partial == {"stat-wmm": "3 of 4 tasks, missing eurosat"}
    assert len(structured.ours["dead_leaves-mixed"]) == 3 and len(structured.ours["stat-wmm"]) == 1


def test_seeds_are_not_patched_together():
    rows = [result("stat-wmm", 50.0, f"vtab-{task}", seed=int(task == "svhn")) for task in NATURAL]
    [section] = vtab_sections(rows)
    assert section.headline[0].partial == {"stat-wmm": "6 of 7 tasks, missing svhn"}  # of seed 0
    assert section.headline[0].ours == {}


def test_vtab_markdown(vtab):
    lines = markdown("VTAB", vtab_sections(vtab)).splitlines()
    head = ("| | | natural | published (digitised ± 0.1) | difference | specialized | published (digitised ± 0.25) | "
            "difference | structured | published (digitised ± 0.1) | difference |")
    assert lines.count(head) == 1 and "Accuracies of single tasks were not published." in lines[2]
    [wmm] = [line for line in lines if "of 7 tasks" in line]
    assert wmm.startswith("|  | stat-wmm | 6 of 7 tasks, missing pets | 24.1 |  | 3 of 4 tasks, missing eurosat |")
    assert "| | | caltech101 | cifar100 | dtd | flowers102 | pets | sun397 | svhn |" in lines
    tasks = lines.index("| | | patch_camelyon | eurosat | resisc45 | retinopathy |")
    assert "| missing |" in lines[tasks + 3] and lines[tasks + 3].startswith("| statistical | stat-wmm | ")
    assert lines[tasks + 4] == ""  # rows without a result stand in the table of means only


def test_csv_says_the_same(vtab):
    rows = list(csv.DictReader(io.StringIO(comma_separated(vtab_sections(vtab)))))
    by_key = {(row["encoder"], row["measured_on"]): row for row in rows}
    assert len(by_key) == len(rows) == 3 * 22 + 2 * 19
    mean = by_key["dead_leaves-mixed", "natural"]
    assert (mean["n"], mean["limit"], mean["selection"], mean["published"]) == ("2", "20000", "uniform", "34.6")
    assert float(mean["difference"]) == pytest.approx(float(mean["accuracy_mean"]) - 34.6, abs=1e-3)
    wmm = by_key["stat-wmm", "natural"]
    assert (wmm["n"], wmm["accuracy_mean"], wmm["note"]) == ("0", "", "6 of 7 tasks, missing pets")
    assert by_key["Places", "specialized"]["published_read"] == "digitised ± 0.25"
    assert by_key["stat-wmm", "dtd"]["accuracy_mean"] == f"{accuracies('stat-wmm', 0)['dtd']:.4f}"
    assert by_key["stat-wmm", "dtd"]["published"] == ""


def test_partial_tasks_stay_out():
    assert vtab_sections([result("stat-wmm", 50.0, "vtab-dtd", task_complete=False)]) == []
    assert imagenet_sections([result("stat-wmm", 50.0, task_complete=False)], "imagenet100") == []


def test_partial_tasks_are_named():
    rows = [result("a", 50.0, task, task_complete=False) for task in ("vtab-svhn", "vtab-dtd", "imagenet100", "mine")]
    rows += [result("a", 50.0, "vtab-pets")]
    assert left_out(rows) == ["imagenet100", "vtab-dtd", "vtab-svhn"]


def test_odd_names_break_no_table():
    lines = markdown("", imagenet_sections([result("a|b\nc", 30.0)], "imagenet100")).splitlines()
    assert r"| other | a\|b c | 30.00 (n = 1) |  |  |" in lines


def test_files_do_not_depend_on_the_order_of_reading(vtab, tmp_path):
    rows = [*vtab, result("stat-wmm", 31.0), result("random initialisation", 21.0)]
    for name, order in (("a", rows), ("b", rows[::-1])):
        (tmp_path / name).mkdir()
        written = write_paper_tables(order, tmp_path / name)
    assert written == [f"{name}.{end}" for name in ("imagenet100", "vtab") for end in ("md", "csv", "png")]
    for name in written:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    with Image.open(tmp_path / "a" / "vtab.png") as means, Image.open(tmp_path / "a" / "imagenet100.png") as one:
        assert means.height == 3 * one.height  # a panel a group


def test_baselines_alone(tmp_path):
    text = markdown("", imagenet_sections([baseline("raw pixels", 9.0)], "imagenet100"))
    assert "## Protocol paper, all training images\n" in text and "| raw pixels | 9.00 (n = 1) | 8.9 | +0.1 |" in text


def test_other_tasks_make_no_tables(tmp_path):
    assert write_paper_tables([result("stat-wmm", 40.0, task="cifar10")], tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_precisions_have_sections_of_their_own():
    """Neither the seeds of a row nor the tasks of a group's mean are of two precisions."""
    rows = [result("stat-wmm", 40.0 + seed, seed=seed, precision=precision)
            for seed, precision in enumerate(("bfloat16", "bfloat16", "float32"))] + [baseline("raw pixels", 8.0)]
    sections = imagenet_sections(rows, "imagenet100")
    assert [(section.setting.precision, section.headline[0].ours["stat-wmm"]) for section in sections] == [
        ("bfloat16", [40.0, 41.0]), ("float32", [42.0])]
    assert all(section.headline[0].ours["raw pixels"] == [8.0] for section in sections)
    text = markdown("ImageNet-100", sections)
    assert "## Protocol paper, all training images, fc6 of SmallAlexNet, bfloat16" in text and ", float32\n" in text

    tasks = [result("stat-wmm", 50.0, f"vtab-{name}", limit=20_000, precision="float32" if i else "bfloat16")
             for i, name in enumerate(NATURAL)]
    first, second = (section.headline[0] for section in vtab_sections(tasks))
    assert not first.ours and first.partial["stat-wmm"].startswith("1 of 7 tasks")
    assert not second.ours and second.partial["stat-wmm"].startswith("6 of 7 tasks")
