"""Which device computes, in which precision, and what that device is.

    python -m utils.devices 0 1         # fails with one line unless these GPUs are there
"""

import argparse
import platform
import warnings

import torch

from utils.cli import UserError, parser, run


def choose_device(gpus: list[int] | None) -> torch.device:
    """The first of `gpus`; the first GPU if `gpus` is None and there is one; else the CPU (also for an empty list).

    Raises UserError for a GPU that is not there.
    """
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if gpus is None:
        gpus = [0] if found else []
    for gpu in gpus:
        if not 0 <= gpu < found:
            raise UserError(f"GPU {gpu} is not there: this machine has {found} CUDA GPUs; name others, or use the CPU "
                            "(--gpus without a number; cpu in place of the numbers in scripts)")
    return torch.device("cuda", gpus[0]) if gpus else torch.device("cpu")


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether `device` multiplies bfloat16 matrices in hardware (on a CPU: AVX-512 BF16 or AMX)."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    try:
        with open("/proc/cpuinfo") as file:
            flags = next((line for line in file if line.startswith("flags")), "").split()
    except OSError:  # not Linux: no claim
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def choose_precision(device: torch.device, precision: str) -> torch.dtype:
    """torch.bfloat16 or torch.float32 for 'auto' (bfloat16 where the hardware has it), 'bfloat16', 'float32'.

    From here on float32 means float32 in this process: `exact_float32`.
    """
    exact_float32()
    if precision == "auto":
        return torch.bfloat16 if has_fast_bfloat16(device) else torch.float32
    return {"bfloat16": torch.bfloat16, "float32": torch.float32}[precision]


def add_precision(options: argparse.ArgumentParser) -> None:
    """The option --precision of a command that computes with encoders."""
    options.add_argument("--precision", choices=["auto", "bfloat16", "float32"], default="auto", help="precision "
                         "of encoders; auto: bfloat16 where the hardware has it; float32 is without TF32")


def exact_float32() -> None:
    """From here on float32 means float32 in this process, on GPUs too.

    Unless told otherwise, torch lets their convolutions take TF32, which has 10 bits of mantissa in place of 23.
    """
    with warnings.catch_warnings():  # torch 2.9 has new names, but raises where they meet the old ones (cudnn.flags)
        warnings.simplefilter("ignore")
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Autocast to `dtype` on `device`; does nothing for float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16)


def describe(device: torch.device) -> str:
    """A name for reports: the GPU's, or the processor's kind and thread count. Never the machine's own name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"


def main() -> None:
    options = parser("python -m utils.devices", __doc__)
    options.add_argument("gpus", type=int, nargs="*", help="GPU ids")
    print(describe(choose_device(options.parse_args().gpus)))


if __name__ == "__main__":
    run(main)
