"""Each published layout, in the small. Recordings themselves are not opened here."""

from collections import Counter

import pytest

from datasets.sound.layouts import LAYOUTS
from tests.files import user_error

from .recordings import fsdd


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def found(layout, root):
    return LAYOUTS[layout].find(LAYOUTS[layout].below(root))


def test_fsdd_has_digits_and_speakers_and_tests_on_the_first_five_takes(tmp_path):
    examples = found("fsdd", fsdd(tmp_path))
    assert Counter(example.split for example in examples) == {"test": 30, "train": 18}
    assert next(e for e in examples if e.file == "2_bob_5.wav")[1:3] == ("train", ("2", "bob"))
    assert found("fsdd", tmp_path / "recordings") == examples
    touch(tmp_path, "recordings/two.wav")
    user_error("two.wav is not named <digit>_<speaker>_<k>.wav", found, "fsdd", tmp_path)


def test_librispeech_keeps_a_fifth_of_each_speaker(tmp_path):
    touch(tmp_path, *(f"{s}/{c}/{s}-{c}-{u:04d}.flac" for s in (84, 174) for c in (1, 2) for u in range(5)))
    examples = found("librispeech", tmp_path)
    assert Counter((e.labels[0], e.split) for e in examples) == {
        (s, split): n for s in ("84", "174") for split, n in (("train", 8), ("test", 2))}
    assert examples == found("librispeech", tmp_path)


def test_speech_commands_goes_by_its_lists(tmp_path):
    touch(tmp_path, *(f"{w}/{s}_nohash_0.wav" for w in ("yes", "no") for s in "abc"), "_background_noise_/pink.wav")
    user_error("validation_list.txt is not there", found, "speech_commands", tmp_path)
    (tmp_path / "validation_list.txt").write_text("yes/a_nohash_0.wav\n")
    (tmp_path / "testing_list.txt").write_text("no/b_nohash_0.wav\nyes/b_nohash_0.wav\n")
    examples = found("speech_commands", tmp_path)
    assert Counter(e.split for e in examples) == {"train": 3, "val": 1, "test": 2}
    assert {e.labels[0] for e in examples} == {"yes", "no"}
    (tmp_path / "testing_list.txt").write_text("no/z_nohash_0.wav\n")
    user_error("no/z_nohash_0.wav is in a list", found, "speech_commands", tmp_path)


def test_audio_mnist_keeps_a_fifth_of_the_speakers(tmp_path):
    touch(tmp_path, *(f"data/{s:02d}/{d}_{s:02d}_{k}.wav" for s in range(1, 11) for d in (0, 1) for k in (0, 1)))
    examples = found("audio_mnist", tmp_path)
    speakers = {split: {e.file[:2] for e in examples if e.split == split} for split in ("train", "test")}
    assert len(speakers["test"]) == 2 and not speakers["test"] & speakers["train"]
    assert {e.labels for e in examples} == {("0",), ("1",)}


def test_fluent_speech_has_three_tasks(tmp_path):
    head = ",path,speakerId,transcription,action,object,location\n"
    for split, line in (("train", "0,wavs/speakers/x/1.wav,x,Turn up the heat,increase,heat,none"),
                        ("valid", "0,wavs/speakers/y/2.wav,y,\"Lights on, please\",activate,lights,kitchen"),
                        ("test", "0,wavs/speakers/z/3.wav,z,Lights,activate,lights,none")):
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / f"data/{split}_data.csv").write_text(head + line + "\n")
    examples = found("fluent_speech", tmp_path)
    assert [e.split for e in examples] == ["train", "val", "test"]
    assert examples[1].labels == ("activate", "lights", "kitchen")
    (tmp_path / "data/test_data.csv").write_text("path,action\n")
    user_error("test_data.csv has no column 'object'", found, "fluent_speech", tmp_path)


def test_voxceleb1_goes_by_its_list(tmp_path):
    (tmp_path / "iden_split.txt").write_text("1 id10001/aa/00001.wav\n3 id10001/aa/00002.wav\n2 id10002/bb/00001.wav\n")
    examples = found("voxceleb1", tmp_path)
    assert [(e.split, e.labels[0]) for e in examples] == [("train", "id10001"), ("test", "id10001"), ("val", "id10002")]
    assert examples[0].file == "wav/id10001/aa/00001.wav"
    (tmp_path / "iden_split.txt").write_text("4 id10001/aa/00001.wav\n")
    user_error("iden_split.txt, line 1", found, "voxceleb1", tmp_path)


@pytest.mark.parametrize("official", [True, False])
def test_any_folder(tmp_path, official):
    splits = ("train/", "test/") if official else ("",)
    touch(tmp_path, *(f"{split}{c}/{k}.wav" for split in splits for c in ("dog", "cat") for k in range(5)))
    examples = found("folder", tmp_path)
    count = Counter((e.labels[0], e.split) for e in examples)
    assert count == ({(c, s): 5 for c in ("dog", "cat") for s in ("train", "test")} if official else
                     {(c, s): n for c in ("dog", "cat") for s, n in (("train", 4), ("val", 1))})
    touch(tmp_path, "lost.wav")
    user_error("lost.wav lies in no class folder", found, "folder", tmp_path)


def test_a_folder_without_recordings(tmp_path):
    user_error("no .wav or .flac files in", found, "folder", tmp_path)
