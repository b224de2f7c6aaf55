import errno
import os
import shutil
from collections import namedtuple

import numpy as np
import pytest
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, Resize

from datasets import packed
from datasets.image_folders.folder import list_images, read_rgb
from datasets.packed import packed_images, resize_and_crop
from tests.files import user_error


@pytest.fixture
def packings(monkeypatch) -> list:
    """One entry for each time an array is really made."""
    calls, pack = [], packed._pack
    monkeypatch.setattr(packed, "_pack", lambda *arguments: calls.append(arguments) or pack(*arguments))
    return calls


def test_it_holds_the_decoded_images_in_order(folder):
    images = packed_images(folder)
    assert images.dtype == np.uint8 and images.shape == (12, 40, 40, 3)
    for image, path in zip(images, list_images(folder), strict=True):
        assert np.array_equal(image, np.asarray(read_rgb(path)))
    with pytest.raises(ValueError, match="read-only"):
        images[0] = 0


def test_it_is_made_once_and_again_when_the_folder_changes(folder, packings):
    packed_images(folder)
    packed_images(folder)
    assert len(packings) == 1
    path = list_images(folder)[3]
    Image.new("RGB", (40, 40), (10, 20, 30)).save(path)
    assert np.abs(packed_images(folder)[3].astype(int) - (10, 20, 30)).max() <= 2 and len(packings) == 2
    shutil.copy(path, path.with_name("00000099.jpg"))
    assert len(packed_images(folder)) == 13
    path.unlink()
    assert len(packed_images(folder)) == 12
    path.with_name("00000099.jpg").rename(path.with_name("00000098.jpg"))
    packed_images(folder)
    assert len(packings) == 5
    packed_images(folder)
    assert len(packings) == 5


def test_another_folder_with_the_same_names_sizes_and_times_in_one_cache(folder, make_images, tmp_path):
    other, cache = make_images(tmp_path / "other", 12, seed=1), tmp_path / "cache"
    for path in list_images(folder) + list_images(other):
        os.truncate(path, 10_000)
        os.utime(path, ns=(10**18, 10**18))
    before, others = packed_images(folder, cache=cache).copy(), packed_images(other, cache=cache)
    assert np.array_equal(others[0], np.asarray(read_rgb(list_images(other)[0])))
    assert np.array_equal(packed_images(folder, cache=cache), before)


def test_another_folder_may_take_the_cache_at_any_moment(folder, make_images, tmp_path, monkeypatch):
    other, cache = make_images(tmp_path / "other", 12, seed=1), tmp_path / "cache"
    before = packed_images(folder, cache=cache).copy()
    read = packed.read_json

    def read_and_lose(record):
        found = read(record)
        monkeypatch.setattr(packed, "read_json", read)
        packed_images(other, cache=cache)
        return found

    monkeypatch.setattr(packed, "read_json", read_and_lose)
    assert np.array_equal(packed_images(folder, cache=cache), before)


def test_a_reader_keeps_its_array_when_the_folder_changes(folder):
    before = packed_images(folder)
    copy = before.copy()
    Image.new("RGB", (40, 40)).save(list_images(folder)[0])
    packed_images(folder)
    assert np.array_equal(before, copy)


def test_sizes_and_places_have_their_own_arrays(folder, tmp_path, packings):
    assert packed_images(folder).shape == (12, 40, 40, 3)
    assert packed_images(folder, resize=16).shape == (12, 16, 16, 3)
    assert packed_images(folder, cache=tmp_path / "new" / "cache").shape == (12, 40, 40, 3)
    packed_images(folder)
    packed_images(folder, 16)
    assert len(packings) == 3 and (tmp_path / "new" / "cache" / "packed.npy").exists()


@pytest.mark.parametrize("size", [(40, 40), (100, 149), (149, 100), (96, 97), (97, 96), (31, 200), (333, 250), (7, 5)])
@pytest.mark.parametrize("target", [16, 64, 96])
def test_resize_and_crop_is_torchvisions(size, target):
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8))
    theirs = Compose([Resize(target), CenterCrop(target)])(image)
    assert np.array_equal(np.asarray(resize_and_crop(image, target)), np.asarray(theirs))


def test_mixed_sizes_need_resize(folder, make_images, tmp_path):
    Image.new("RGB", (60, 45), (200, 100, 50)).save(folder / "train" / "00000000" / "00000005.jpg")
    user_error(r"00000000.jpg is 40×40, .*00000005.jpg is 60×45; pass --resize 96", packed_images, folder)
    assert not (folder / "packed.npy").exists()
    images = packed_images(folder, resize=96)
    assert images.shape == (12, 96, 96, 3) and np.abs(images[5].astype(int) - (200, 100, 50)).max() <= 3


def test_a_bad_image_is_named_and_leaves_no_array(folder):
    (folder / "train" / "00000000" / "00000007.jpg").write_bytes(b"")
    user_error(r"00000007\.jpg is not an image", packed_images, folder)
    assert {p.name for p in folder.iterdir()} == {"train", ".packed.lock"}


@pytest.mark.parametrize("size", [0, 1000])
def test_an_array_that_was_cut_off_is_made_again(folder, size):
    before = packed_images(folder).copy()
    (folder / "packed.npy").unlink()  # the old one is still mapped
    (folder / "packed.npy").write_bytes(bytes(before)[:size])
    assert np.array_equal(packed_images(folder), before)


def test_a_damaged_record_is_made_again(folder, packings):
    packed_images(folder)
    (folder / "packed.json").write_text('{"count": ')
    assert len(packed_images(folder)) == 12
    packed_images(folder)
    assert len(packings) == 2


def test_a_size_beyond_the_disk_is_refused_before_an_image_is_resized(folder, monkeypatch):
    monkeypatch.setattr(packed, "resize_and_crop", None)  # would fail if called
    user_error(r"needs 294\.7 TB, but only .*--resize to a smaller size", packed_images, folder, resize=3_000_000)
    assert not list(folder.glob("packed*"))


def test_an_image_that_would_become_huge_is_named(tmp_path):
    Image.new("RGB", (10, 1000)).save(tmp_path / "thin.png")
    assert packed_images(tmp_path, 96).shape == (1, 96, 96, 3)
    user_error(r"thin\.png would have 2000×200000 pixels .* smaller --resize", packed_images, tmp_path, 2000)


def test_the_command_takes_names_that_are_not_text(folder, start):
    odd = folder.rename(os.fsdecode(os.fsencode(folder) + b"\xff"))
    list_images(odd)[0].rename(odd / "train" / os.fsdecode(b"\xff.jpg"))
    process = start(["-m", "datasets.packed", odd])
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "") and "12 images of 40×40 pixels" in out
    (odd / "train" / "00000000" / os.fsdecode(b"\xfe.jpg")).write_bytes(b"")
    process = start(["-m", "datasets.packed", odd])
    _, err = process.communicate()
    assert process.returncode == 1 and "\\udcfe.jpg is not an image" in err and err.count("\n") == 1


def test_a_failed_rebuild_leaves_no_array_that_looks_valid(folder, packings):
    packed_images(folder)
    (folder / "train" / "00000000" / "00000007.jpg").write_bytes(b"")
    for _ in range(2):
        user_error(r"00000007\.jpg is not an image", packed_images, folder)
    assert len(packings) == 3


KILLED = """
import sys, time
from datasets import packed
read = packed.read_rgb
def slow(path):
    if path.name == "00000007.jpg":
        print("packing", flush=True)
        time.sleep(60)
    return read(path)
packed.read_rgb = slow
packed.packed_images(sys.argv[1])
"""


def test_a_kill_while_packing_leaves_no_wrong_array(folder, start, packings):
    process = start(["-c", KILLED, folder])
    assert process.stdout.readline() == "packing\n"
    process.kill()
    process.wait()
    assert not (folder / "packed.npy").exists()
    images = packed_images(folder)
    assert len(packings) == 1 and np.array_equal(images[11], np.asarray(read_rgb(list_images(folder)[11])))
    assert {p.name for p in folder.iterdir()} == {"train", ".packed.lock", "packed.json", "packed.npy"}


def test_a_kill_before_the_record_packs_again(folder, packings, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(packed, "write_json", lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            packed_images(folder)
    packed_images(folder)
    assert len(packings) == 2


def test_two_processes_pack_once(folder, start):
    code = ("import sys; from datasets.packed import packed_images\n"
            "sys.stdin.readline(); print(packed_images(sys.argv[1]).sum())")
    both = [start(["-c", code, folder], stdin=-1) for _ in range(2)]
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    lines = [process.communicate()[0].splitlines() for process in both]
    expected = str(sum(np.asarray(read_rgb(p)).sum(dtype=np.uint64) for p in list_images(folder)))
    assert [line[-1] for line in lines] == [expected, expected]
    assert sum("packing" in line for said in lines for line in said) == 1


def test_no_room_on_the_disk(folder, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 20_000, 20_000))
    user_error(r"needs 56\.2 KB, but only 19\.5 KB are free there; .*--cache DIR", packed_images, folder)
    assert {p.name for p in folder.iterdir()} == {"train", ".packed.lock"}


def test_space_left_by_a_killed_run_counts_as_free(folder, monkeypatch):
    (folder / ".packed.npy.tmp").write_bytes(bytes(1000))
    real = shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage",
                        lambda path: real(path) if not (folder / ".packed.npy.tmp").exists() else pytest.fail("kept"))
    packed_images(folder)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system cannot reserve space")
def test_a_disk_that_fills_up_while_packing(folder, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left on device") as info:
        packed_images(folder)
    assert info.value.filename == str(folder / "packed.npy")
    assert {p.name for p in folder.iterdir()} == {"train", ".packed.lock"}


def test_a_read_only_folder_points_to_cache(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != str(folder))  # root may write anywhere
    user_error(r"is not writable.*pass --cache DIR", packed_images, folder)
    assert len(packed_images(folder, cache=tmp_path / "cache")) == 12


def test_a_read_only_folder_that_is_packed_already_is_read(folder, monkeypatch):
    packed_images(folder)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert len(packed_images(folder)) == 12


def test_command(folder, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["packed", str(folder), "--resize", "16"])
    packed.main()
    assert capsys.readouterr().out.splitlines()[-1] == f"12 images of 16×16 pixels, 9.0 KB, packed in {folder}"
