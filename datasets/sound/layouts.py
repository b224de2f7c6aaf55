"""How data sets of sound lie on disk: which files there are, in which split, with which labels.

A layout is a function of the folder that gives `Example`s; LAYOUTS lists them with the rate of their recordings, how
many seconds are taken, and their tasks. Where a set has no official split, a fifth of the recordings, or of the
speakers, is kept for measuring, by a fixed draw.
"""

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from datasets.examples.class_folders import class_folders, files_below, held_out
from datasets.examples.store import Example
from datasets.sound.wav import EXTENSIONS
from utils.cli import UserError


class Layout(NamedTuple):
    find: Callable[[Path], list[Example]]
    tasks: tuple[str, ...]
    rate: int  # samples a second
    seconds: float  # of each recording: longer ones are cut, shorter ones end in silence
    inner: str = ""  # folder of the archive that the recordings are in

    def below(self, root: Path) -> Path:
        """The folder that names of files are below: `inner`, or `root` if that is it already."""
        return root / self.inner if (root / self.inner).is_dir() else root


def _matching(root: Path, pattern: str, meant: str) -> list[tuple[str, re.Match[str]]]:
    """The recordings whose name below `root` is `pattern`. Raises UserError for the first that is not."""
    found = []
    for name in files_below(root, EXTENSIONS):
        match = re.fullmatch(pattern, name)
        if match is None:
            raise UserError(f"{root / name} is not named {meant}; pass the folder of the unpacked archive, or move it "
                            "away")
        found.append((name, match))
    return found


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise UserError(f"{path} is not there; pass the folder of the unpacked archive")
    return path.read_text("utf-8").split("\n")


def fsdd(root: Path) -> list[Example]:
    """Free Spoken Digit Dataset: recordings/<digit>_<speaker>_<k>.wav; k = 0 to 4 are its test set."""
    found = _matching(root, r"(\d)_([^_/]+)_(\d+)\.wav", "<digit>_<speaker>_<k>.wav")
    return [Example(name, "test" if int(m[3]) < 5 else "train", (m[1], m[2])) for name, m in found]


def librispeech(root: Path) -> list[Example]:
    """LibriSpeech: <speaker>/<chapter>/<speaker>-<chapter>-<utterance>.flac, one part such as dev-clean. A fifth of
    each speaker's utterances is measured on (Tamkin et al. 2021)."""
    found = _matching(root, r"(?:.*/)?(\d+)/\d+/\1-\d+-\d+\.(?:flac|wav)",
                      "<speaker>/<chapter>/<speaker>-<chapter>-<utterance>.flac")
    out = held_out([m[1] for _, m in found])
    return [Example(name, "test" if k in out else "train", (m[1],)) for k, (name, m) in enumerate(found)]


def speech_commands(root: Path) -> list[Example]:
    """Speech Commands: <word>/<speaker>_nohash_<k>.wav, without background noise; the recordings of
    validation_list.txt and testing_list.txt are not trained on."""
    listed = {line: split for split, name in (("val", "validation_list.txt"), ("test", "testing_list.txt"))
              for line in _lines(root / name) if line}
    names = [name for name in files_below(root, EXTENSIONS) if not name.startswith("_")]
    if unknown := sorted(listed.keys() - set(names)):
        raise UserError(f"{root / unknown[0]} is in a list of {root} and not there; unpack the archive again")
    return [Example(name, listed.get(name, "train"), (name.partition("/")[0],)) for name in names]


def audio_mnist(root: Path) -> list[Example]:
    """AudioMNIST: data/<speaker>/<digit>_<speaker>_<k>.wav. A fifth of the speakers is measured on by digit."""
    found = _matching(root, r"([^/]+)/(\d)_\1_\d+\.wav", "<speaker>/<digit>_<speaker>_<k>.wav")
    speakers = sorted({m[1] for _, m in found})
    out = {speakers[k] for k in held_out(["speakers"] * len(speakers))}
    return [Example(name, "test" if m[1] in out else "train", (m[2],)) for name, m in found]


def fluent_speech(root: Path) -> list[Example]:
    """Fluent Speech Commands: data/{train,valid,test}_data.csv with path, speakerId, action, object and location."""
    examples = []
    for split in ("train", "valid", "test"):
        lines = csv.DictReader(line for line in _lines(root / "data" / f"{split}_data.csv") if line)
        needed = ("path", "action", "object", "location")
        if lacking := [name for name in needed if name not in (lines.fieldnames or ())]:
            raise UserError(f"{root}/data/{split}_data.csv has no column {lacking[0]!r}; this is another data set")
        examples += [Example(line["path"], "val" if split == "valid" else split,
                             tuple(line[name] for name in needed[1:])) for line in lines]
    return examples


def voxceleb1(root: Path) -> list[Example]:
    """VoxCeleb1: wav/<speaker>/<video>/<k>.wav, and iden_split.txt: "1", "2" or "3" (train, val, test) and a name below
    wav/ a line."""
    splits = {"1": "train", "2": "val", "3": "test"}
    examples = []
    for number, line in enumerate(_lines(root / "iden_split.txt"), 1):
        if line:
            split, _, name = line.strip().partition(" ")
            if split not in splits or name.count("/") != 2:
                raise UserError(f"{root}/iden_split.txt, line {number}: {line!r} is not 1, 2 or 3 and <speaker>/"
                                "<video>/<k>.wav; fetch the list again")
            examples.append(Example(f"wav/{name}", splits[split], (name.partition("/")[0],)))
    return examples


def folder(root: Path) -> list[Example]:
    """Any recordings, in class folders."""
    return [Example(file, split, (label,)) for file, split, label in class_folders(root, EXTENSIONS)]


LAYOUTS = {
    "fsdd": Layout(fsdd, ("digit", "speaker"), 8000, 1.024, "recordings"),
    "librispeech": Layout(librispeech, ("speaker",), 16000, 9.408),
    "speech_commands": Layout(speech_commands, ("word",), 16000, 1.024),
    "audio_mnist": Layout(audio_mnist, ("digit",), 48000, 1.024, "data"),
    "fluent_speech": Layout(fluent_speech, ("action", "object", "location"), 16000, 9.408),
    "voxceleb1": Layout(voxceleb1, ("speaker",), 16000, 9.408),
    "folder": Layout(folder, ("class",), 16000, 1.024),
}
