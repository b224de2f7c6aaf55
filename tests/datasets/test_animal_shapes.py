"""Animal silhouettes: unique, split by species, read without running what a pickle asks for."""

import gzip
import pickle

import numpy as np

from datasets import animal_shapes
from datasets.animal_shapes import SPECIES, load_animal_shapes, write_animal_shapes
from datasets.image_folders.folder import labelled_images, read_rgb
from tests.files import Bomb, user_error


def test_silhouettes_are_unique_and_every_species_is_there():
    images, labels = load_animal_shapes()
    assert images.shape == (9716, 28, 28) and images.dtype == np.uint8
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == len(images)
    assert np.bincount(labels).tolist() == [937, 812, 992, 996, 997, 1000, 1000, 997, 985, 1000]


def test_written_folder_holds_the_pixels_and_a_fifth_of_each_species_as_val(tmp_path, monkeypatch):
    images, labels = load_animal_shapes()
    some = np.concatenate([np.flatnonzero(labels == species)[:10] for species in range(len(SPECIES))])
    monkeypatch.setattr(animal_shapes, "load_animal_shapes", lambda: (images[some], labels[some]))
    root = tmp_path / "animals"
    assert write_animal_shapes(root) == {"train": 80, "val": 20}
    assert write_animal_shapes(root) == {"train": 80, "val": 20}  # again: nothing to do
    assert [path.name for path in tmp_path.iterdir()] == ["animals"]
    user_error("another --seed", write_animal_shapes, root, seed=1)
    for split, count in (("train", 8), ("val", 2)):
        paths, split_labels, classes = labelled_images(root, split)
        assert tuple(classes) == SPECIES and np.bincount(split_labels).tolist() == [count] * len(SPECIES)
        for path, label in zip(paths, split_labels, strict=True):
            i = int(path.stem)
            assert labels[some][i] == label
            assert np.array_equal(np.asarray(read_rgb(path))[..., 0], images[some][i])


def test_other_files_are_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    user_error("holds other files", write_animal_shapes, tmp_path)
    user_error("is a file", write_animal_shapes, tmp_path / "thesis.txt")
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    (tmp_path / "photos/train/cat").mkdir(parents=True)
    user_error("holds other files", write_animal_shapes, tmp_path / "photos")
    assert not any((tmp_path / "photos/train/cat").iterdir())


def test_a_tampered_pickle_is_refused_and_not_run(tmp_path, monkeypatch):
    folder = tmp_path / "animal_shape_mnist/data/Animal Shape"
    folder.mkdir(parents=True)
    for part in ("data", "label"):
        with gzip.open(folder / f"animal_{part}_version_3.gz", "wb") as file:
            pickle.dump(Bomb(tmp_path / "ran"), file)

    class Package:
        def locate_file(self, path):
            return tmp_path / path

    monkeypatch.setattr(animal_shapes, "distribution", lambda name: Package())
    user_error("where only arrays belong", load_animal_shapes)
    assert not (tmp_path / "ran").exists()
