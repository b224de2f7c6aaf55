"""Published figures: every number has a source and a name, and blocks that repeat a number agree."""

from itertools import combinations
from pathlib import Path

import yaml

from generators.named import named_datasets
from linear_eval.features.baselines import BASELINES
from linear_eval.features.rows import RANDOM_INIT
from linear_eval.tables import published as module
from linear_eval.tables.published import in_order, noise, published

FILE = yaml.safe_load(Path(module.__file__).with_name("published.yaml").read_text())
FAMILIES = {name for members in FILE["families"].values() for name in members}


def values(block: dict, name: str) -> list:
    found = block["accuracy"][name]
    return found if isinstance(found, list) else [found]


def test_figures_as_published():
    figures = published("imagenet100")
    assert len(figures) == 25
    assert (figures["stylegan-oriented"].value, str(figures["stylegan-oriented"])) == (43.4, "43.4")
    assert figures["stylegan-oriented"].read == "digitised ± 0.1"
    assert (figures[RANDOM_INIT].value, str(figures[RANDOM_INIT])) == (21.1, "21.1")
    assert figures[RANDOM_INIT].read == "digitised ± 0.2"
    assert (figures["ImageNet-100"].value, str(figures["ImageNet-100"])) == (63, ">63")
    assert str(published("specialized")["ImageNet-100"]) == "≈79.3"
    assert published("specialized")["stat-wmm"].read == "digitised ± 0.25"
    assert str(published("structured")["dead_leaves-mixed"]) == "32.5"


def test_large_scale_is_apart_and_exact():
    figures = published("imagenet1k", "ResNet50")
    assert str(figures["ImageNet-1k"]) == "67.50" and str(figures["S-21k MixUp"]) == "44.83"
    assert {figure.read for figure in figures.values()} == {"exact"}
    assert published("imagenet1k") == {} and published("natural", "resnet18") == {}
    assert "stat-spectrum" not in published("imagenet100", "ResNet50")


def test_every_block_is_whole():
    for block in FILE["blocks"]:
        assert block["what"] and block["source"]
        assert all("digitised ±" in read or read == "exact" for read in block["columns"].values())
        assert block["accuracy"].keys() <= FAMILIES
        for name in block["accuracy"]:
            assert len(values(block, name)) == len(block["columns"]), name


def test_blocks_that_repeat_a_number_agree():
    shared = 0
    for a, b in combinations([block for block in FILE["blocks"] if block["architecture"] == "ResNet50"], 2):
        for column in a["columns"].keys() & b["columns"].keys():
            for name in a["accuracy"].keys() & b["accuracy"].keys():
                one, other = (values(block, name)[list(block["columns"]).index(column)] for block in (a, b))
                assert one == other, (column, name)
                shared += 1
    assert shared == 12


def test_names_are_those_of_our_rows():
    named = named_datasets()
    assert {name for name, entry in named.items() if entry.trained} < published("imagenet100").keys()
    assert named.keys() <= set(noise()) and {RANDOM_INIT, *BASELINES} == set(FILE["families"]["baselines"])


def test_order_of_the_charts():
    names = ["my encoder", "Places", "stylegan-random", RANDOM_INIT, "dead_leaves-mixed", "dead_leaves-squares"]
    assert in_order(names) == [("baselines", RANDOM_INIT), ("dead leaves", "dead_leaves-squares"),
                               ("dead leaves", "dead_leaves-mixed"), ("StyleGAN", "stylegan-random"),
                               ("real photographs", "Places"), ("other", "my encoder")]
