import json

from PIL import Image

from training.curves import draw_curves


def test_curves_are_drawn_for_one_step_and_for_many(tmp_path):
    for count in (1, 100):
        draw_curves([{"step": i, "align": 1 / (i + 1), "uniform": -i} for i in range(count)],
                    ["align", "uniform"], tmp_path / "curves.png")
        with Image.open(tmp_path / "curves.png") as image:
            assert image.size[0] > 300


def test_a_folder_without_steps_is_refused_in_one_line(tmp_path, start):
    process = start(["-m", "training.curves", tmp_path, "--output", tmp_path / "curves.png"])
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert len(errors.strip().splitlines()) == 1 and "holds no steps with align and uniform" in errors
    assert not (tmp_path / "curves.png").exists()
    step = json.dumps({"step": 1, "align": 1.0, "uniform": -1.0})
    (tmp_path / "metrics.jsonl").write_text(f"{step}\n{step[:20]}")  # the last line is still being written
    assert start(["-m", "training.curves", tmp_path, "--output", tmp_path / "new/curves.png"]).wait(120) == 0
