"""How the encoder is fine-tuned; docs/alignment.md tells what the defaults were chosen on."""

import msgspec


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """The knobs of the fine-tune.

    Parameters
    ----------
    epochs
        How many times each pair is learned from.
    batch_size
        Pairs a step.
    group
        Pairs drawn into a batch together: one and its nearest wrong answers.
    learning_rate
        Of AdamW (Loshchilov and Hutter, https://arxiv.org/abs/1711.05101) at its highest.
    warm_up
        Share of the steps in which the rate rises from nothing; then it falls back in a straight line.
    weight_decay
        Of AdamW.
    scale
        What cosines are multiplied by before the softmax: one over the temperature.
    still_layers
        Layers from below that keep their weights, like the embeddings; -1: all weights learn.
    seed
        Of batches and initial draws.
    """

    epochs: int = 1
    batch_size: int = 32
    group: int = 4
    learning_rate: float = 1e-4
    warm_up: float = 0.1
    weight_decay: float = 0.01
    scale: float = 20.0
    still_layers: int = 0
    seed: int = 0
