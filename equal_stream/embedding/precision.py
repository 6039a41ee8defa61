"""Which device and number format the encoder runs in."""

from pathlib import Path
from typing import Literal

import torch

from equal_stream.errors import ConfigurationError
from equal_stream.settings import EmbeddingSettings

Precision = Literal["bf16", "fp32"]
_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})  # x86, x86, arm64


def choose_device(setting: str) -> torch.device:
    """Return the device; `auto` takes a CUDA device where there is one.

    Raises
    ------
    ConfigurationError
        The device is unknown or not there.
    """
    if setting == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(setting)
    except RuntimeError:
        raise ConfigurationError(
            f"embedding.device is {setting!r}, which is no device: use auto, cpu or cuda:0"
        ) from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigurationError(
            f"embedding.device is {setting!r} but this machine has no CUDA device: use auto or cpu"
        )
    return device


def choose_precision(settings: EmbeddingSettings, device: torch.device) -> Precision:
    """Return bf16 where the hardware multiplies it natively, fp32 elsewhere, unless the settings say."""
    if settings.precision != "auto":
        return settings.precision
    native = torch.cuda.is_bf16_supported() if device.type == "cuda" else bool(_BF16_FLAGS & cpu_flags())
    return "bf16" if native else "fp32"


def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """Return the first processor's feature flags; empty where the system does not tell."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() in {"flags", "Features"}:
            return frozenset(value.split())
    return frozenset()


def torch_type(precision: Precision) -> torch.dtype:
    """Return the torch dtype of a precision."""
    return torch.bfloat16 if precision == "bf16" else torch.float32
