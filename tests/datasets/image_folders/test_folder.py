import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import ImageFolder

from datasets.image_folders.folder import labelled_images, list_images, read_rgb
from tests.files import user_error
from utils.cli import UserError

RGB = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
GREY = RGB[:, :, 0]


def pixels(path: Path) -> np.ndarray:
    image = read_rgb(path)
    assert image.mode == "RGB"
    return np.asarray(image).astype(int)


def test_order_is_that_of_image_folder(tmp_path):
    names = ["b/2.jpg", "b/10.JPG", "b/1.png", "a b/x.bmp", "a/deep/x.webp", "a/y.tiff", "a/B.ppm", "C/1.jpeg"]
    for name in names:
        path = tmp_path / "train" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(RGB).save(path, "PNG")
    for other in ("b/notes.txt", "b/.hidden.jpg", "b/x.jpg.part"):
        (tmp_path / "train" / other).write_text("no image")
    for hidden in tmp_path.rglob(".*"):
        hidden.rename(hidden.with_suffix(".txt"))  # ImageFolder would list it
    theirs = ImageFolder(str(tmp_path / "train"))
    paths, labels, classes = labelled_images(tmp_path, "train")
    assert classes == theirs.classes and list(zip(map(str, paths), labels, strict=True)) == theirs.samples
    assert labels.dtype == np.int64 and set(list_images(tmp_path)) == set(paths)
    (tmp_path / "train" / "b" / ".hidden.jpg").write_text("no image")
    (tmp_path / "train" / "b" / "folder.jpg").mkdir()
    assert labelled_images(tmp_path, "train")[0] == paths


def test_images_lie_under_train_or_at_the_top(tmp_path, image_folder):
    assert [p.name for p in list_images(image_folder)] == [f"{i:08d}.jpg" for i in range(22)]
    assert list_images(image_folder / "train") == list_images(image_folder)


def test_a_class_may_be_called_train(tmp_path, make_images):
    """As train/train/, and as a class folder that holds a folder called train."""
    for split in ("train", "val"):
        for name in ("boat", "train", "tram/train", "tram/bell"):
            (tmp_path / split / name).mkdir(parents=True)
            Image.fromarray(RGB).save(tmp_path / split / name / "a.png")
    paths, labels, classes = labelled_images(tmp_path, "train")
    assert classes == ["boat", "train", "tram"] and labels.tolist() == [0, 1, 2, 2]
    assert list_images(tmp_path) == sorted(paths)
    for root in (tmp_path / "train", tmp_path / "train" / "tram"):
        with pytest.raises(UserError, match=rf"{root} holds a folder called train, and images beside it, such as .*"
                                            rf"a\.png; pass {root}/train to read just that, or rename it"):
            list_images(root)


def test_images_beside_train_are_not_dropped_without_a_word(tmp_path, make_images):
    make_images(tmp_path, 3)
    for other in ("val", "test", ".hidden", "download", "train/.thumbnails"):
        (tmp_path / other).mkdir()
        Image.fromarray(RGB).save(tmp_path / other / ("a.tar" if other == "download" else "a.png"), "PNG")
    assert len(list_images(tmp_path)) == 3
    Image.fromarray(RGB).save(tmp_path / "photo.png")
    user_error(r"images beside it, such as .*photo\.png", list_images, tmp_path)
    (tmp_path / "dataset.json").write_text('{"count": 3}')  # says which images there are
    assert len(list_images(tmp_path)) == 3


def test_links_to_class_folders_are_followed(tmp_path, image_folder):
    (tmp_path / "subset").mkdir()
    os.symlink(image_folder / "train" / "00000000", tmp_path / "subset" / "class")
    assert len(list_images(tmp_path / "subset")) == 22


def test_links_without_an_end_are_named(tmp_path, make_images):
    make_images(tmp_path / "a", 1)
    make_images(tmp_path / "b", 1)
    (tmp_path / "a/train/self").symlink_to("..")
    (tmp_path / "b/train/a").symlink_to(tmp_path / "c")
    (tmp_path / "c").mkdir()
    (tmp_path / "c/b").symlink_to(tmp_path / "b/train")
    for root, link in (("a", "a/train/self"), ("b", "b/train/a/b")):
        said = user_error("a link to a folder that it lies in", list_images, tmp_path / root)
        assert said.startswith(str(tmp_path / link))


def test_missing_and_empty_folders(tmp_path):
    user_error("none is not a folder", list_images, tmp_path / "none")
    user_error("no images in", list_images, tmp_path)
    user_error("val is not there: labelled images are expected as", labelled_images, tmp_path, "val")
    (tmp_path / "val").mkdir()
    user_error("has no class folders", labelled_images, tmp_path, "val")
    (tmp_path / "val" / "cat").mkdir()
    user_error(r"no images in .*val/cat", labelled_images, tmp_path, "val")


def test_a_folder_still_being_generated(tmp_path, make_images):
    make_images(tmp_path / "set", 3)
    record = tmp_path / "set" / "dataset.json"
    record.write_text(json.dumps({"name": "spectrum", "count": 5}))
    for root in (tmp_path / "set", tmp_path / "set" / "train"):
        user_error(r"holds 3 of the 5 images .* still being generated", list_images, root)
    record.write_text(json.dumps({"name": "spectrum", "count": 3}))
    assert len(list_images(tmp_path / "set")) == 3
    for text in ("[]", "3", "null", '{"count": "5"}', '{"count": true}', '{"count": 5.0}', '{"count": [5]}'):
        record.write_text(text)  # whatever it is, it asks for nothing
        assert len(list_images(tmp_path / "set")) == 3
    for text in ("{", '{"count": NaN}', ""):
        record.write_text(text)
        user_error(r"dataset\.json is not valid JSON", list_images, tmp_path / "set")


@pytest.mark.parametrize(("stored", "name", "read"), [
    (RGB, "a.png", RGB), (GREY, "a.png", GREY), (GREY > 127, "a.png", 255 * (GREY > 127)),
    *((GREY.astype(np.uint16) * 257, name, GREY) for name in ("a.png", "a.tif", "a.ppm"))])  # 16 bits are scaled
def test_every_depth_is_read_as_colour(tmp_path, stored, name, read):
    Image.fromarray(stored).save(tmp_path / name)
    assert np.array_equal(pixels(tmp_path / name), np.broadcast_to(read.reshape(20, 24, -1), (20, 24, 3)))


@pytest.mark.parametrize("transparency", [None, 3, bytes(range(256))])
def test_palette(tmp_path, transparency):
    image = Image.fromarray(RGB).quantize(200)
    expected = np.asarray(image.convert("RGB"))
    image.save(tmp_path / "a.png", **({} if transparency is None else {"transparency": transparency}))
    assert np.array_equal(pixels(tmp_path / "a.png"), expected)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_an_alpha_channel_is_dropped(tmp_path, mode):
    image = Image.fromarray(RGB).convert(mode)
    image.putalpha(Image.fromarray(GREY))
    image.save(tmp_path / "a.png")
    assert np.array_equal(pixels(tmp_path / "a.png"), RGB if mode == "RGBA" else np.asarray(image.convert("RGB")))


def test_cmyk_photos(tmp_path):
    smooth = np.asarray(Image.fromarray(RGB).resize((96, 80), Image.Resampling.BICUBIC))
    Image.fromarray(smooth).convert("CMYK").save(tmp_path / "a.jpg", quality=100, subsampling=0)
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.mode == "CMYK"
    difference = np.abs(pixels(tmp_path / "a.jpg") - smooth)
    assert difference.mean() < 2 and difference.max() < 20  # of JPEG alone, not inverted


def saved(suffix: str, pixels: np.ndarray = RGB, part: float = 1.0) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, suffix)
    return file.getvalue()[:int(part * file.tell())]


@pytest.mark.parametrize(("name", "data", "said"), [
    ("truncated.jpg", saved("JPEG", part=0.5), "cannot be read"), ("zero.jpg", b"", "is not an image"),
    ("truncated.png", saved("PNG", part=0.5), "cannot be read"), ("text.jpg", b"<html>not found", "is not an image"),
    ("float.tif", saved("TIFF", GREY.astype(np.float32)), "floating-point"),
    ("negative.tif", saved("TIFF", GREY.astype(np.int32) * -1), "outside 0..65535")])
def test_what_cannot_be_read_is_named(tmp_path, name, data, said):
    (tmp_path / name).write_bytes(data)
    assert str(tmp_path / name) in user_error(said, read_rgb, tmp_path / name)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    os.symlink("/dev/zero", tmp_path / "b.jpg")
    for path in list_images(tmp_path):
        user_error(rf"{path} is no file", read_rgb, path)


@pytest.mark.parametrize("size", [(1, 60_000), (60_000, 1), (2, 201)])
def test_an_image_that_would_take_gigabytes_when_resized_is_named(tmp_path, size):
    Image.new("RGB", size).save(tmp_path / "a.png")
    user_error(rf"a\.png has {size[0]}×{size[1]} pixels, .* cut it into pieces", read_rgb, tmp_path / "a.png")
    Image.new("RGB", (2, 200)).save(tmp_path / "a.png")
    assert read_rgb(tmp_path / "a.png").size == (2, 200)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, on damaged TIFF headers
@pytest.mark.parametrize("kind", ["jpg", "png", "bmp", "webp", "tif", "ppm"])
def test_damaged_bytes_never_end_in_a_traceback(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    Image.fromarray(RGB).save(path)
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    rng = np.random.default_rng(0)
    for i in range(60):
        damaged = whole[: rng.integers(len(whole))] if i % 2 else whole.copy()
        if i % 2 == 0:  # three wrong bytes, mostly in the header
            damaged[rng.integers(0, min(300, len(whole)), 3)] = rng.integers(0, 256, 3)
        path.write_bytes(damaged.tobytes())
        try:
            assert read_rgb(path).mode == "RGB"
        except UserError as error:
            assert str(path) in str(error)


def test_a_decompression_bomb_is_refused(tmp_path, monkeypatch):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    user_error("decompression bomb", read_rgb, tmp_path / "a.png")
