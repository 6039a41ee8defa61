"""What a call can cost at most, and what it will probably cost.

The bound is the extraction prompt's own (`extraction.prompt.bound_for_bytes`: a tokenizer makes at most
one token of a byte), so the client never meets a ticket too small for its passage. It is three to four
times too high for prose, which is why choosing uses a prediction instead: the prompt scaled by the
observed tokens per predicted token, and the output as the cluster's recent mean, shrunk to the mean of
all. The offline extractor has no price and sends no prompt: it reserves one token a byte of the passage,
stays within that, and costs no money.
"""

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equal_stream.allocation.money import nano_ceiling
from equal_stream.allocation.output_lengths import OutputLengths
from equal_stream.extraction.base import Pricing
from equal_stream.extraction.prompt import PROMPT_BYTES, bound_for_bytes

_LEAST_SHARE = 1000 / bound_for_bytes(1000, -bound_for_bytes(0, 0))  # of the bytes sent: the passage's own
_PROMPT_TOKENS = PROMPT_BYTES / 4.0  # prose; only until the first answers tell
_OUTPUT_GUESS = 0.25  # of the output limit; only until the first answers tell
_FORGET = 0.995  # per answer: prompts and models change


class CostModel:
    """Sound bounds and learned predictions of what a ticket costs.

    Parameters
    ----------
    pricing
        USD per million tokens, or None for the offline extractor: tokens are reserved, no money is.
    max_output_tokens
        The output limit sent with each call.
    """

    def __init__(self, pricing: Pricing | None, max_output_tokens: int) -> None:
        self.pricing = pricing
        self.max_output_tokens = max_output_tokens
        self._input = np.array([1.0, 1.0])  # billed, predicted; of a prompt's tokens
        self._answers = OutputLengths(max_output_tokens * _OUTPUT_GUESS)
        self._prompt = 0.0 if pricing is None else _PROMPT_TOKENS

    def bound(self, text_bytes: int) -> tuple[int, int]:
        """Return the tokens and nano-USD to reserve for a passage of this many UTF-8 bytes."""
        if self.pricing is None:
            return text_bytes, 0
        tokens = bound_for_bytes(text_bytes, self.max_output_tokens)
        amount = nano_ceiling(self.pricing.cost(tokens - self.max_output_tokens, self.max_output_tokens))
        return tokens, amount

    def largest_text(self, amount: int | None, tokens: int | None) -> float:
        """Return about the most passage bytes whose bound fits nano-USD and tokens; below 0: none fits."""
        if self.pricing is None:
            return np.inf if tokens is None else tokens
        room = np.inf if tokens is None else float(tokens - self.max_output_tokens)
        if amount is not None:
            left = amount / 1000 - self.max_output_tokens * self.pricing.out_mtok_cost  # micro-USD
            price = self.pricing.in_mtok_cost
            room = min(room, left / price if price > 0 else (np.inf if left >= 0 else 0.0))
        text = room - bound_for_bytes(0, 0)
        return text * _LEAST_SHARE if text > 0 else text

    def effort(
        self, tokens: NDArray[np.int32], clusters: NDArray[np.int32], outputs: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the predicted cost of passages, in USD, or in tokens where tokens are free.

        Parameters
        ----------
        tokens
            (n,) encoder tokens of the passages.
        clusters
            (n,) row of each passage's cluster in `outputs`.
        outputs
            (rows,) predicted output tokens by cluster, as `output` gives.
        """
        ratio = self._input[0] / self._input[1]
        price_in, price_out = self._prices()
        scale = np.float32(price_in * ratio)
        return (tokens + np.float32(self._prompt)) * scale + outputs[clusters] * np.float32(price_out)

    def output(self, cluster_id: int) -> float:
        """Return the predicted output tokens of a passage of this cluster."""
        return float(self.outputs([cluster_id])[0])

    def outputs(self, cluster_ids: Collection[int]) -> NDArray[np.float64]:
        """Return the predicted output tokens of a passage of each of these clusters, (n,)."""
        return self._answers.means(cluster_ids)

    def learn(self, cluster_id: int, tokens: int, tokens_in: int, tokens_out: int) -> None:
        """Take in one bill: the passage's encoder tokens, and what the provider counted."""
        predicted = tokens + self._prompt
        if tokens_in > 0 and predicted > 0:
            self._input = self._input * _FORGET + [tokens_in / predicted, 1.0]
        self._answers.learn(cluster_id, tokens_out)

    def inherit(self, child: int, parent: int) -> None:
        """Let a new cluster begin with what its parent has shown, at half the weight."""
        self._answers.inherit(child, parent)

    def merge(self, survivor: int, ended: int) -> None:
        """Add what an ended cluster has shown to its survivor."""
        self._answers.merge(survivor, ended)

    def forget(self, cluster_id: int) -> None:
        """Drop what is known of a cluster that is gone."""
        self._answers.forget(cluster_id)

    @property
    def in_dollars(self) -> bool:
        """Whether `effort` is in USD; otherwise tokens are free and it is in tokens."""
        return self.pricing is not None and self.pricing.in_mtok_cost + self.pricing.out_mtok_cost > 0

    def _prices(self) -> tuple[float, float]:
        if self.pricing is None or not self.in_dollars:
            return 1.0, 1.0
        return self.pricing.in_mtok_cost / 1e6, self.pricing.out_mtok_cost / 1e6

    def to_state(self) -> dict[str, Any]:
        """Return what `load_state` takes; prices and limits come from the settings."""
        return {"input": self._input, **self._answers.to_state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `to_state` was taken."""
        self._input = state["input"]
        self._answers.load_state(state)
