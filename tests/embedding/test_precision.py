"""bf16 where the hardware has it."""

from pathlib import Path

import pytest
import torch

from equal_stream.embedding import precision
from equal_stream.settings import EmbeddingSettings

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16 sse2\n", "bf16"),
        ("flags\t\t: fpu amx_bf16 amx_tile\n", "bf16"),
        ("Features\t: fp asimd bf16\n", "bf16"),
        ("flags\t\t: fpu avx2 avx512f\n", "fp32"),
        ("model name\t: unknown\n", "fp32"),
    ],
)
def test_the_flags_of_the_cpu_decide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpuinfo: str, expected: str
) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(f"processor\t: 0\n{cpuinfo}")
    flags = precision.cpu_flags(file)
    monkeypatch.setattr(precision, "cpu_flags", lambda: flags)
    assert precision.choose_precision(EmbeddingSettings(), CPU) == expected


def test_a_system_that_does_not_tell_has_no_flags(tmp_path: Path) -> None:
    assert precision.cpu_flags(tmp_path / "missing") == frozenset()


def test_the_settings_overrule_the_hardware() -> None:
    for chosen in ("bf16", "fp32"):
        assert precision.choose_precision(EmbeddingSettings(precision=chosen), CPU) == chosen
