"""Which weights learn: the upper layers. The lower ones, which know words and syntax, stay as they are."""

from typing import Any

from sentence_transformers import SentenceTransformer
from torch import nn


def hold_still(model: SentenceTransformer, layers: int) -> list[nn.Parameter]:
    """Freeze the embeddings and the lowest `layers` layers of a model, and return the weights that learn.

    A negative number freezes nothing, and so does a model whose layers are not to be found.
    """
    inner: Any = getattr(model[0], "model", model[0])
    upper = None if layers < 0 else _layers(inner)
    for weight in model.parameters():
        weight.requires_grad_(True)
    if upper is not None:
        for weight in inner.parameters():
            weight.requires_grad_(False)
        for layer in upper[layers:]:
            for weight in layer.parameters():
                weight.requires_grad_(True)
    return [weight for weight in model.parameters() if weight.requires_grad]


def _layers(inner: Any) -> nn.ModuleList | None:
    """Return the stack of layers: the first list of as many modules as the model says it has layers."""
    count = getattr(getattr(inner, "config", None), "num_hidden_layers", None)
    lists = (each for each in inner.modules() if isinstance(each, nn.ModuleList))
    return next((each for each in lists if len(each) == count), None)
