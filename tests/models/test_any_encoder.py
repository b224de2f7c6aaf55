"""The encoder in any file: what loads, and what is refused in one line."""

import collections
import io
import pickle
import re
from pathlib import Path

import pytest
import torch
import torchvision

from models import SmallAlexNet, load_encoder, random_encoder, save_encoder
from models.checkpoint import load_torch
from tests.files import Bomb, user_error

SMALL = 1 / 32


@pytest.fixture(scope="module")
def encoder() -> SmallAlexNet:
    """A small encoder whose batch statistics are no longer those of a new one."""
    model = SmallAlexNet(SMALL).initialize(0)
    with torch.no_grad():
        model(torch.randn(4, 3, 64, 64))
    return model.eval()


@pytest.fixture
def saved(encoder: SmallAlexNet, tmp_path: Path) -> Path:
    save_encoder(encoder, tmp_path / "encoder.pth")
    return tmp_path / "encoder.pth"


def refuses(path: Path, match: str) -> None:
    """`load_encoder` ends in one line that names the file and says `match`."""
    assert str(path) in user_error(match, load_encoder, path)


def same(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    state = b.state_dict()
    return type(a) is type(b) and all(torch.equal(value, state[name]) for name, value in a.state_dict().items())


def test_round_trip(encoder, saved):
    loaded = load_encoder(saved)
    assert same(encoder, loaded) and not loaded.training
    x = torch.randn(2, 3, 64, 64)
    assert torch.equal(loaded(x), encoder(x))


def test_the_file_is_a_bare_state_dict_and_its_bytes_are_a_function_of_the_weights(encoder, saved, tmp_path):
    state = torch.load(saved, weights_only=True)
    assert list(state) == list(encoder.state_dict())
    save_encoder(encoder.to(memory_format=torch.channels_last), tmp_path / "again.pth")
    assert (tmp_path / "again.pth").read_bytes() == saved.read_bytes()


@pytest.mark.parametrize("width", [1 / 32, 0.05, 0.1, 0.25, 0.3, 1 / 3])
def test_width_is_read_off_the_weights(width, tmp_path):
    model = SmallAlexNet(width, out_dim=16)
    save_encoder(model, tmp_path / "encoder.pth")
    assert same(model, load_encoder(tmp_path / "encoder.pth"))


def test_a_random_encoder_is_where_training_starts():
    assert same(random_encoder(4, SMALL), SmallAlexNet(SMALL).initialize(4))
    assert not random_encoder(4, SMALL).training


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_prefixes_of_wrappers_are_removed(encoder, prefix, tmp_path):
    torch.save({prefix + name: value for name, value in encoder.state_dict().items()}, tmp_path / "encoder.pth")
    assert same(encoder, load_encoder(tmp_path / "encoder.pth"))


def test_files_of_old_torch_versions_load(encoder, tmp_path):
    torch.save(encoder.state_dict(), tmp_path / "encoder.pth", _use_new_zipfile_serialization=False)
    assert same(encoder, load_encoder(tmp_path / "encoder.pth"))


@pytest.mark.parametrize(("name", "value"), [
    ("blocks.3.1.bias", None), ("blocks.9.0.weight", torch.zeros(1)), ("blocks.4.0.weight", torch.zeros(6, 12, 5, 5)),
    ("sub_module.blocks.0.0.weight", torch.zeros(1)),  # a prefix is removed at the start only
    ("blocks.5.1.weight", torch.zeros(()))])
def test_a_missing_an_extra_and_a_misshapen_entry_are_named(encoder, tmp_path, name, value):
    state = {**encoder.state_dict(), name: value}
    torch.save({name: value for name, value in state.items() if value is not None}, tmp_path / "encoder.pth")
    refuses(tmp_path / "encoder.pth", re.escape(name))


def test_weights_that_are_no_numbers_are_refused(encoder, tmp_path):
    broken = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    broken["blocks.1.0.weight"][0] = float("nan")
    torch.save(broken, tmp_path / "encoder.pth")
    user_error(r"no numbers, in blocks\.1\.0\.weight", load_encoder, tmp_path / "encoder.pth")


@pytest.mark.parametrize("change", [torch.Tensor.char, torch.Tensor.bool, torch.Tensor.to_sparse,
                                    lambda weight: weight.to("meta"), lambda weight: weight.to(torch.complex64)])
def test_weights_that_are_no_floats_in_memory_are_refused(encoder, tmp_path, change):
    """int8 would be cast without a word, the others end in a traceback."""
    name = "blocks.3.0.weight"
    torch.save({**encoder.state_dict(), name: change(encoder.state_dict()[name])}, tmp_path / "encoder.pth")
    refuses(tmp_path / "encoder.pth", r"blocks\.3\.0\.weight, where floats belong|no plain numbers in blocks\.3\.0")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_floats_load(encoder, tmp_path, dtype):
    torch.save({name: value.to(dtype) for name, value in encoder.state_dict().items()}, tmp_path / "encoder.pth")
    assert load_encoder(tmp_path / "encoder.pth").blocks[0][0].weight.dtype == torch.float32


def test_a_bit_that_fell_over_is_noticed(saved):
    whole = bytearray(saved.read_bytes())
    weight = load_torch(saved)["blocks.5.1.weight"].numpy().tobytes()
    whole[whole.index(weight) + len(weight) // 2] ^= 1  # in the middle of a tensor
    saved.write_bytes(whole)
    refuses(saved, r"is damaged, in .*: it is not what was written")


def test_another_architecture(tmp_path):
    torch.save(torchvision.models.mobilenet_v2().state_dict(), tmp_path / "other.pth")
    refuses(tmp_path / "other.pth", r"another architecture \(its first entry is 'features.0.0.weight'\)")
    torch.save({}, tmp_path / "empty.pth")
    refuses(tmp_path / "empty.pth", "another architecture")


@pytest.mark.parametrize("value", [[1, 2], {"epoch": 3}, torch.zeros(3), {"state": {"a": torch.zeros(1)}},
                                   {0: torch.zeros(1)}])
def test_other_plain_values(value, tmp_path):
    torch.save(value, tmp_path / "x.pth")
    refuses(tmp_path / "x.pth", "is not a state dict of tensors")


def test_a_missing_file_and_a_folder(tmp_path):
    refuses(tmp_path / "none.pth", "is not a file")
    refuses(tmp_path, "is not a file")


@pytest.mark.parametrize("legacy", [False, True])
def test_damaged_files_never_end_in_a_traceback(encoder, legacy, tmp_path):
    buffer = io.BytesIO()
    torch.save(encoder.state_dict(), buffer, _use_new_zipfile_serialization=not legacy)
    whole, path = buffer.getvalue(), tmp_path / "x.pth"
    generator = torch.Generator().manual_seed(0)
    cuts = torch.randint(len(whole), (30,), generator=generator).tolist()
    for damaged in (b"", b"\0" * 1000, b"<html>not found</html>", whole[-1000:], *(whole[:cut] for cut in cuts)):
        path.write_bytes(damaged)
        refuses(path, "not a complete checkpoint|not a plain state dict")


@pytest.mark.parametrize("kind", ["pickle", "zip", "legacy", "in a state dict"])
def test_code_in_a_file_never_runs(kind, encoder, tmp_path):
    bomb, path = Bomb(tmp_path / "executed"), tmp_path / "encoder.pth"
    if kind == "pickle":
        path.write_bytes(pickle.dumps(bomb))
    elif kind == "in a state dict":
        torch.save(collections.OrderedDict(encoder.state_dict(), **{"blocks.0.0.weight": bomb}), path)
    else:
        torch.save(bomb, path, _use_new_zipfile_serialization=kind == "zip")
    refuses(path, "never loaded because loading them runs code")
    assert not (tmp_path / "executed").exists()


def test_a_whole_model_is_not_unpickled(encoder, tmp_path):
    torch.save(encoder, tmp_path / "model.pth")
    refuses(tmp_path / "model.pth", r"save model\.state_dict\(\) instead")


def save(state: object, folder: Path) -> Path:
    torch.save(state, folder / "network.pth")
    return folder / "network.pth"


def test_torchvision_weights_load_without_their_classifier(network, published, tmp_path):
    loaded = load_encoder(save(published, tmp_path))
    assert same(loaded, network) and not loaded.training


def test_the_query_encoder_of_a_moco_checkpoint_loads(network, tmp_path):
    query = {f"module.encoder_q.{name}": value for name, value in network.state_dict().items()}
    key = {f"module.encoder_k.{name}": torch.zeros_like(value) for name, value in network.state_dict().items()}
    others = {"module.encoder_q.fc.0.weight": torch.zeros(2048, 2048), "module.queue": torch.zeros(128, 16),
              "module.queue_ptr": torch.zeros(1)}
    checkpoint = {"epoch": 200, "arch": "resnet50", "state_dict": {**key, **query, **others}, "optimizer": {}}
    assert same(load_encoder(save(checkpoint, tmp_path)), network)


def test_what_does_not_fit_a_resnet_is_named(tmp_path):
    resnet34 = torchvision.models.resnet34(weights=None).state_dict()
    refuses(save(resnet34, tmp_path), "does not fit a ResNet18: .*layer1.2.bn1")
    refuses(save({"conv1.weight": torch.zeros(64, 3, 7, 7)}, tmp_path), "does not fit a ResNet50: .*bn1.bias")
    refuses(save({"state_dict": {"encoder_q.conv1.weight": 3}}, tmp_path), "is not a state dict")


@pytest.mark.parametrize(("change", "said"), [(torch.Tensor.int, "holds int32 in conv1.weight, where floats belong"),
                                              (lambda weight: weight.to("meta"), "no plain numbers in conv1.weight")])
def test_weights_of_a_resnet_that_are_no_floats_in_memory_are_refused(published, tmp_path, change, said):
    refuses(save({**published, "conv1.weight": change(published["conv1.weight"])}, tmp_path), said)
