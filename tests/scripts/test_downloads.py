"""The four download scripts, on a server on this machine."""

import json

import pytest

from models import ResNet50, SmallAlexNet
from tests.files import saved, zipped

from . import smoke_fixtures
from .test_scripts import ROOT, bash

SMALL_SETS, LARGE_SETS = (ROOT / f"scripts/download_datasets/download_{scale}_scale_datasets.sh"
                          for scale in ("small", "large"))
SMALL_ENCODERS, LARGE_ENCODERS = (ROOT / f"scripts/download_pretrained_models/download_{which}_encoders.sh"
                                  for which in ("all_alexnet", "large_scale"))
LARGE = ("dead_leaves-mixed", "feature_vis-dead_leaves", "stat-spectrum_color_wmm", "stylegan-oriented")


@pytest.fixture
def sets(server):
    """A server with archives of three images: two of the small-scale datasets, all of the large-scale ones."""
    archive = zipped({f"train/00000000/{i:08d}.jpg": smoke_fixtures.picture(i, 0, 3) for i in range(3)})
    for path in ("small_scale/stat-wmm", "small_scale/stylegan-oriented", *(f"large_scale/{name}" for name in LARGE)):
        server.files[f"/zipped_data/{path}.zip"] = archive
    return server


@pytest.mark.parametrize("script, names, folder, fetched", [
    (SMALL_SETS, ["stat-wmm", "stylegan-oriented"], "small_scale", ("stat-wmm", "stylegan-oriented")),
    (LARGE_SETS, [], "large_scale", LARGE)], ids=["some", "all"])
def test_datasets_come_once(sets, tmp_path, script, names, folder, fetched):
    for _ in range(2):
        done = bash(script, *names, "--count", "3", cwd=tmp_path, NOISE_LEARNING_URL=sets.url)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1].startswith(f"data/{folder}/{fetched[-1]}: 3 images; ")
    assert len(sets.asked) == len(fetched)
    for name in fetched:
        record = json.loads((tmp_path / f"data/{folder}/{name}/dataset.json").read_text())
        assert record["url"] == f"{sets.url}/zipped_data/{folder}/{name}.zip"
        assert len(list((tmp_path / f"data/{folder}/{name}/train/00000000").iterdir())) == 3


@pytest.mark.slow
def test_encoders_come_once(server, tmp_path):
    moco = saved({"state_dict": {f"module.encoder_q.{name}": value for name, value in ResNet50().state_dict().items()}})
    server.files |= {f"/encoders/large_scale/{name}/checkpoint_0199.pth.tar": moco for name in LARGE}
    server.files["/encoders/large_scale/mixed-4/checkpoint_0799.pth.tar"] = moco
    server.files["/encoders/small_scale/stat-wmm/encoder.pth"] = saved(SmallAlexNet(1 / 32).initialize(0).state_dict())
    for _ in range(2):
        for script, names in ((SMALL_ENCODERS, ["stat-wmm"]), (LARGE_ENCODERS, [])):
            done = bash(script, *names, cwd=tmp_path, NOISE_LEARNING_URL=server.url)
            assert done.returncode == 0 and not done.stderr, done.stderr
    assert len(server.asked) == 6
    for path, data in server.files.items():
        assert (tmp_path / path.removeprefix("/")).read_bytes() == data
        assert json.loads((tmp_path / path.removeprefix("/")).with_name("source.json").read_text())["size"] == len(data)


@pytest.mark.parametrize("script, arguments, message", [
    (LARGE_SETS, ["stat-wmm"], "'stat-wmm' is not among the datasets released at large scale, which are dead_leaves-"),
    (SMALL_SETS, ["stat-spectrum"], "stat-spectrum.zip cannot be fetched: the server says 404"),
    (SMALL_SETS, ["stat-wmm", "--output", "/dev/null"], "error: /dev/null"),
    (SMALL_SETS, ["stat-wmm", "--output", "/sys"], "error: /sys/small_scale"),  # where not even root may write
    (SMALL_SETS, ["--count", "0"], "must be a whole number of at least 1"),
    pytest.param(SMALL_ENCODERS, ["a"], "'a' is not among the encoders released at small", marks=pytest.mark.slow),
    pytest.param(LARGE_ENCODERS, ["mixed-4"], "checkpoint_0799.pth.tar cannot be", marks=pytest.mark.slow)])
def test_bad_input_ends_in_one_line(sets, tmp_path, script, arguments, message):
    done = bash(script, *arguments, cwd=tmp_path, NOISE_LEARNING_URL=sets.url)
    assert done.returncode != 0 and message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and not path.name.endswith(".lock")]
