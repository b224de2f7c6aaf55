import pytest
import torch

from tests.files import user_error
from utils import devices


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.mark.parametrize(("gpus", "expected"), [(None, "cuda:0"), ([], "cpu"), ([1], "cuda:1"), ([1, 0], "cuda:1")])
def test_choice_with_gpus(two_gpus, gpus, expected):
    assert devices.choose_device(gpus) == torch.device(expected)


@pytest.mark.parametrize("gpus", [[2], [0, 5], [-1]])
def test_a_gpu_that_is_not_there(two_gpus, gpus):
    user_error("has 2 CUDA GPUs", devices.choose_device, gpus)


def test_choice_without_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.choose_device(None) == torch.device("cpu")
    user_error("GPU 0 is not there", devices.choose_device, [0])


@pytest.mark.parametrize("fast", [True, False])
def test_precision(monkeypatch, fast):
    monkeypatch.setattr(devices, "has_fast_bfloat16", lambda device: fast)
    cpu = torch.device("cpu")
    assert devices.choose_precision(cpu, "auto") == (torch.bfloat16 if fast else torch.float32)
    assert devices.choose_precision(cpu, "float32") == torch.float32
    assert devices.choose_precision(cpu, "bfloat16") == torch.bfloat16


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast(dtype):
    x = torch.ones(2, 2)
    with devices.autocast(torch.device("cpu"), dtype):
        assert (x @ x).dtype == dtype


def test_float32_is_float32(start):
    """Without a warning, and without torch's complaint about a mixture of its old and new names."""
    process = start(["-c", "import warnings, torch; from utils.devices import exact_float32\n"
                     "warnings.simplefilter('error'); exact_float32()\n"
                     "with torch.backends.cudnn.flags(deterministic=True, allow_tf32=True): pass\n"
                     "print(torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32)"])
    assert process.communicate() == ("False False\n", "")


@pytest.mark.gpu
def test_convolutions_on_a_gpu_are_float32(start):
    """TF32 has 10 bits of mantissa and would be off by 1e-3."""
    process = start(["-c", """if True:
        import torch
        from utils.devices import exact_float32
        exact_float32()
        x, w = torch.randn(8, 64, 32, 32), torch.randn(64, 64, 3, 3)
        exact = torch.nn.functional.conv2d(x.double(), w.double())
        found = torch.nn.functional.conv2d(x.cuda(), w.cuda()).cpu()
        print((found - exact).norm().item() / exact.norm().item() < 1e-5)"""])
    assert process.communicate() == ("True\n", "")


def test_description_has_no_host_name():
    assert devices.describe(torch.device("cpu")).endswith(f"CPU, {torch.get_num_threads()} threads")
