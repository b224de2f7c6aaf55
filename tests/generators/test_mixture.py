"""Mixtures: every image is a component's own, in the shares asked for, whatever else is asked for."""

import numpy as np
import pytest
from scipy import stats

from datasets.image_folders.writer import describe
from generators.mixture import BLOCK, Mixture, drawn_components, parse_components, place
from generators.named import make_process
from models.checkpoint import random_encoder, save_encoder
from tests.files import user_error

TWO = "dead_leaves-squares=0.3 stat-spectrum=0.7"


def test_images_are_the_first_of_each_component():
    mixture = Mixture(TWO, resolution=24, seed=4)
    images = mixture.render(range(40))
    which, number = np.array([place(mixture, i) for i in range(40)]).T
    components = [make_process(name, 24, 4) for name in ("dead_leaves-squares", "stat-spectrum")]
    for c, component in enumerate(components):
        mine = np.flatnonzero(which == c)
        np.testing.assert_array_equal(number[mine], np.arange(len(mine)))
        np.testing.assert_array_equal(images[mine], component.render(range(len(mine))))


def test_images_do_not_depend_on_the_request():
    mixture = Mixture(TWO, resolution=16)
    together = mixture.render(range(70))
    for chunk in ([69], [64, 3], [5]):
        np.testing.assert_array_equal(mixture.render(chunk), together[chunk])
    assert mixture.render([]).shape == (0, 16, 16, 3)
    assert not np.array_equal(Mixture(TWO, resolution=16, seed=1).render([0]), together[:1])


def test_images_are_numbered_on_from_block_to_block():
    mixture = Mixture(TWO, resolution=16, seed=3)  # whose places nobody has asked for yet
    which = np.concatenate([drawn_components(mixture, block) for block in range(3)])
    for index in (2 * BLOCK + 5, 2 * BLOCK, 2 * BLOCK - 1, BLOCK, 0):
        assert place(mixture, index) == (which[index], np.count_nonzero(which[:index] == which[index]))


def test_components_come_in_their_shares():
    which = drawn_components(Mixture("dead_leaves-squares=0.2 stat-spectrum=0.5 dead_leaves-mixed=0.3"), 0)
    expected = np.array([0.2, 0.5, 0.3]) * len(which)
    assert stats.chisquare(np.bincount(which, minlength=3), expected).pvalue > 0.001


@pytest.mark.parametrize("components, said", [
    ("", "--components"),
    ("dead_leaves-squares=0.5 stat-spectrum=0.4", "sum to 0.9 and should sum to 1"),
    ("dead_leaf=1", "there is no dataset called 'dead_leaf'"),
    ("stat-spectrum", "NAME=WEIGHT"),
    ("stat-spectrum=-1 dead_leaves-mixed=2", "above 0"),
    ("stat-spectrum=nan", "above 0"),
    ("stat-spectrum=0.5 stat-spectrum=0.5", "stands twice"),
    ("mixed-4=1", "is a mixture itself")])
def test_mistakes_are_refused_at_once(components, said):
    user_error(said, Mixture, components, resolution=16)


def test_the_record_says_what_the_components_are_and_never_where(tmp_path):
    path = tmp_path / "encoder.pth"
    save_encoder(random_encoder(0, 1 / 96), path)
    mixture = Mixture("feature_vis-dead_leaves=0.4 feature_vis-random=0.3 stylegan-random=0.3", str(path), 32)
    record = mixture.contents()
    assert record["components"]["feature_vis-dead_leaves"]["encoder"].startswith("sha256:")
    assert record["components"]["feature_vis-random"]["encoder"] == "random"
    assert record["components"]["stylegan-random"]["precision"] in ("bfloat16", "float32")
    assert str(tmp_path) not in str(describe(mixture, "name", 3, "jpg"))
    user_error("none of the components needs an --encoder", lambda: Mixture("stat-spectrum=1", str(path), 32))


def test_parsing():
    assert parse_components("stat-spectrum=0.25  dead_leaves-mixed=0.75") == {"stat-spectrum": 0.25,
                                                                              "dead_leaves-mixed": 0.75}
