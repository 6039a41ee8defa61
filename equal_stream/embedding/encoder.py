"""Texts to unit vectors: any sentence-transformers model, one torch thread, bf16 where it is native.

A BERT with mean pooling on a CPU (the default model is one) runs through `packed_bert`, after it has been
held against the model itself; every other model, and every GPU, runs through `SentenceTransformer.encode`.
"""

import logging
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from transformers.utils.logging import disable_progress_bar

from equal_stream.embedding.model_files import find_model
from equal_stream.embedding.packed_bert import PackedBert
from equal_stream.embedding.precision import choose_device, choose_precision, torch_type
from equal_stream.embedding.tokens import Tokens, encodable
from equal_stream.errors import ConfigurationError
from equal_stream.settings import EmbeddingSettings

_LOG = logging.getLogger(__name__)
_AGREEMENT = {"fp32": 0.9999, "bf16": 0.999}  # least cosine between the packed pass and the model's own
_PROBES = (
    "A short text.",
    "Der Encoder liest Sätze verschiedener Länge, and mixed languages too.",
    "水的沸点是一百摄氏度。 "
    + "Words of a longer passage follow one another until the window is half full. " * 8,
)


class Encoder:
    """Encodes passages.

    Importing this module loads torch, which takes seconds: import it where it is needed.

    Parameters
    ----------
    settings
        Model, device, precision, batch size and threads.

    Attributes
    ----------
    identity
        Model and precision, such as ``all-MiniLM-L6-v2/bf16``; vectors of two identities do not mix.
    dimension
        Length of the vectors.
    max_tokens
        The longest text the model reads whole, special tokens included.
    tokens
        Its tokenizer.

    Raises
    ------
    ConfigurationError
        The model or the device is not there, or the model has no fast tokenizer.
    """

    def __init__(self, settings: EmbeddingSettings) -> None:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        disable_progress_bar()  # a bar in a log is noise
        torch.set_num_threads(settings.threads)
        device = choose_device(settings.device)
        self.precision = choose_precision(settings, device)
        files = find_model(settings.model)
        self._model = _load(files.location, device, torch_type(self.precision))
        self._batch_size = settings.batch_size
        self.identity = f"{files.name}/{self.precision}"
        self.dimension = _dimension(self._model)
        self.max_tokens = _window(self._model)
        self.tokens = _tokens(self._model)
        self._packed = self._checked_packed(device)

    @property
    def model(self) -> SentenceTransformer:
        """The model itself, configured alike: what benchmarks and fine-tuning start from."""
        return self._model

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors of shape (n, d), in the order of `texts`.

        A text beyond `max_tokens` is read up to there; passages never are that long.
        """
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        if self._packed is None:
            return self._encode_by_model(texts)
        ids = [self._within_window(each) for each in self.tokens.ids(texts)]
        return self._encode_packed(self._packed, ids)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens the model reads for each text, special tokens included."""
        return self.tokens.count(texts)

    def _encode_packed(self, packed: PackedBert, ids: Sequence[list[int]]) -> NDArray[np.float32]:
        vectors = np.empty((len(ids), self.dimension), dtype=np.float32)
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        for first in range(0, len(order), self._batch_size):
            batch = order[first : first + self._batch_size]
            vectors[batch] = packed([ids[i] for i in batch])
        return vectors

    def _encode_by_model(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = self._model.encode(
            [encodable(text) for text in texts],
            batch_size=self._batch_size,
            show_progress_bar=False,
            convert_to_numpy=True,
            normalize_embeddings=True,
        )
        found = np.ascontiguousarray(vectors, dtype=np.float32)
        unit: NDArray[np.float32] = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
        return unit

    def _within_window(self, ids: list[int]) -> list[int]:
        if len(ids) <= self.max_tokens:
            return ids
        return [*ids[: self.max_tokens - 1], ids[-1]]

    def _checked_packed(self, device: torch.device) -> PackedBert | None:
        if device.type != "cpu" or not _is_mean_pooled_bert(self._model):
            return None
        packed = PackedBert(self._model[0].model)
        ours = self._encode_packed(packed, [self._within_window(each) for each in self.tokens.ids(_PROBES)])
        agreement = float((ours * self._encode_by_model(_PROBES)).sum(1).min())
        if agreement >= _AGREEMENT[self.precision]:
            return packed
        _LOG.warning(
            "the packed forward pass agrees with %s only to cosine %.4f; the slower one is used",
            self.identity,
            agreement,
        )
        return None


def _load(location: str, device: torch.device, kind: torch.dtype) -> SentenceTransformer:
    try:
        model = SentenceTransformer(location, device=str(device), model_kwargs={"dtype": kind})
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"the encoder {location!r} cannot be loaded ({str(error).splitlines()[0]}): set embedding.model "
            "to a sentence-transformers directory, or to a name that the model hub has"
        ) from error
    return model.eval()


def _dimension(model: SentenceTransformer) -> int:
    dimension = model.get_embedding_dimension()
    if dimension is None:
        raise ConfigurationError("the encoder does not tell the length of its vectors: choose another model")
    return int(dimension)


def _window(model: SentenceTransformer) -> int:
    window = model.get_max_seq_length()
    return int(window) if window else 512  # a model that does not tell is fed what nearly all of them take


def _tokens(model: SentenceTransformer) -> Tokens:
    backend = getattr(model.tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ConfigurationError(
            "the encoder has no fast tokenizer, which offsets need: choose another model"
        )
    return Tokens(backend)


def _is_mean_pooled_bert(model: SentenceTransformer) -> bool:
    """Tell whether the model is what `PackedBert` computes: BERT, the mean of its tokens, no prompt."""
    kinds = [type(module).__name__ for module in model]
    if kinds not in (["Transformer", "Pooling", "Normalize"], ["Transformer", "Pooling"]):
        return False
    inner: Any = model[0].model
    return (
        type(inner).__name__ == "BertModel"
        and inner.config.hidden_act == "gelu"
        and getattr(inner.config, "position_embedding_type", "absolute") in {"absolute", None}
        and model[1].pooling_mode == "mean"
        and model.default_prompt_name is None
    )
