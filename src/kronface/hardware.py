"""What the machine can do: its processor's name, the device and the precision that a user's words mean."""

import platform
from pathlib import Path
from typing import TYPE_CHECKING

from kronface.errors import ConfigError

if TYPE_CHECKING:
    import torch


def processor_name() -> str:
    """The processor as the operating system names it, with what matters for speed: 'Intel … (2 cores, AVX-512)'."""
    import os

    import torch

    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = [line for line in info.read_text(encoding="utf-8").splitlines() if line.startswith("model name")]
        name = lines[0].split(":", 1)[1].strip() if lines else name
    features = [torch.backends.cpu.get_cpu_capability()]
    if _has_amx():
        features.append("AMX")
    return f"{name} ({os.cpu_count()} cores, {', '.join(features)})"


def available_processors() -> int:
    """Processors that this process may use."""
    import os

    if hasattr(os, "sched_getaffinity"):  # not on every system
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def resolve_device(device: str) -> "torch.device":
    """'auto' (a CUDA device where there is one), 'cpu', 'cuda' or 'cuda:N' -> the device.

    Raises:
        ConfigError: an unknown name, or a GPU that is not there.
    """
    import torch

    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(f"unknown device '{device}': choose auto, cpu, cuda or cuda:N") from error
    if resolved.type not in ("cpu", "cuda"):
        raise ConfigError(f"device '{device}' is not supported: choose auto, cpu, cuda or cuda:N")
    if resolved.type == "cuda" and (resolved.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise ConfigError(f"device '{device}' was asked for, but PyTorch sees {count} CUDA devices: use --device cpu")
    return resolved


def resolve_precision(precision: str, device: "torch.device") -> str:
    """'auto', 'fp32' or 'bf16' -> 'fp32' or 'bf16'.

    'auto' takes bf16 autocast on processors with AMX and on GPUs that compute in bf16. On processors that have bf16
    instructions but no AMX, training measured slower in bf16 than in fp32 (`benchmarks/training.py`).

    Raises:
        ConfigError: an unknown name.
    """
    import torch

    if precision not in ("auto", "fp32", "bf16"):
        raise ConfigError(f"unknown precision '{precision}': choose auto, fp32 or bf16")
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if _has_amx() else "fp32"


def _has_amx() -> bool:
    import torch

    return bool(torch.cpu._is_amx_tile_supported())
