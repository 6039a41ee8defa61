"""The contrastive fine-tune: passages and pairs towards each other, away from what else is in the batch.

The loss is `MultipleNegativesRankingLoss` of sentence-transformers in both directions: of all pairs of a
batch a passage shall find its own, and of all passages a pair shall find its own (Henderson et al. 2017,
https://arxiv.org/abs/1705.00652). Its Trainer needs two further packages; this loop needs none.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from torch import Tensor

from equal_stream.alignment.batches import Batches
from equal_stream.alignment.layers import hold_still
from equal_stream.alignment.parameters import Parameters
from equal_stream.embedding.tokens import encodable
from equal_stream.errors import ConfigurationError

_TEXTS_A_PASS = 16  # of similar length, so that little is padding; more are no faster on a CPU
_LARGEST_GRADIENT = 1.0  # the usual bound on its norm: one odd batch must not undo the others


@dataclass
class Training:
    """What a training run was like: the loss of every step, and seconds by the clock."""

    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0


def train(
    model: SentenceTransformer,
    passages: Sequence[str],
    pairs: Sequence[str],
    batches: Batches,
    parameters: Parameters,
    *,
    reduced: bool,
    progress: Callable[[str], None],
) -> Training:
    """Train a model in place.

    Parameters
    ----------
    model
        In fp32, on the device to train on.
    passages
        The text of the passage of each pair.
    pairs
        The texts of the pairs.
    batches
        Gives the numbers of the pairs of each batch.
    reduced
        Whether to multiply in bf16, as the processor has it; weights and their updates stay fp32.
    progress
        Is told now and then how far it has come.

    Raises
    ------
    ConfigurationError
        Batches are so large that no passages fill a quarter of one.
    """
    began = time.monotonic()
    training = Training()
    weights = hold_still(model, parameters.still_layers)
    epochs = [list(batches.epoch()) for _ in range(parameters.epochs)]
    steps = sum(map(len, epochs))
    if steps == 0:
        raise ConfigurationError(
            f"batches of {parameters.batch_size} pairs are too large: the {len(set(passages))} passages to "
            "learn from do not fill a quarter of one; give --batch-size a smaller number"
        )
    optimizer = torch.optim.AdamW(weights, lr=parameters.learning_rate, weight_decay=parameters.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: _share_of_rate(step, steps, parameters.warm_up)
    )
    loss_of = MultipleNegativesRankingLoss(
        model,
        scale=parameters.scale,
        directions=("query_to_doc", "doc_to_query"),
        partition_mode="per_direction",
    )
    model.eval()  # without dropout; see docs/alignment.md
    for number, epoch in enumerate(epochs, start=1):
        for batch in epoch:
            texts = [passages[each] for each in batch] + [pairs[each] for each in batch]
            embeddings = _embedded(model, texts, reduced=reduced)
            loss = loss_of.compute_loss_from_embeddings(
                list(torch.split(embeddings, len(batch))), torch.arange(len(batch))
            )
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(weights, _LARGEST_GRADIENT)
            optimizer.step()
            schedule.step()
            training.losses.append(float(loss.detach()))
        progress(f"epoch {number} of {parameters.epochs}")
    training.seconds = time.monotonic() - began
    return training


def _embedded(model: SentenceTransformer, texts: Sequence[str], *, reduced: bool) -> Tensor:
    """Return the vectors of texts, (n, d) in fp32 with gradients, encoded with others of their length."""
    order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
    prompt = model.prompts.get(model.default_prompt_name) if model.default_prompt_name else None
    parts = []
    with torch.autocast(model.device.type, dtype=torch.bfloat16, enabled=reduced):
        for first in range(0, len(order), _TEXTS_A_PASS):
            some = [encodable(texts[number]) for number in order[first : first + _TEXTS_A_PASS]]
            features: dict[str, Any] = model.preprocess(some, prompt=prompt)
            on_device = {
                name: value.to(model.device) if isinstance(value, Tensor) else value
                for name, value in features.items()
            }
            parts.append(model(on_device)["sentence_embedding"].float())
    back = torch.empty(len(order), dtype=torch.long)
    back[torch.tensor(order)] = torch.arange(len(order))
    return torch.cat(parts)[back.to(model.device)]


def _share_of_rate(step: int, steps: int, warm_up: float) -> float:
    """Return what share of the highest learning rate a step has: up in a line, then down in a line."""
    rising = max(1, math.ceil(warm_up * steps))
    if step < rising:
        return (step + 1) / rising
    return max(0.0, (steps - step) / max(1, steps - rising))
