"""The encoder: loads it and embeds with it."""

import time

from equal_stream.checkup.finding import Verdict
from equal_stream.embedding.encoder import Encoder
from equal_stream.settings import Settings
from equal_stream.settings_rules import require_passages_ready

_PROBE = "The encoder turns this sentence and its neighbours into one vector of unit length. " * 10
_PROBES = 16


def encoder(settings: Settings) -> tuple[Verdict, str, str]:
    """Check that the encoder loads and embeds, and say how fast."""
    require_passages_ready(settings)
    loaded = Encoder(settings.embedding)
    loaded.encode([_PROBE])
    began = time.monotonic()
    vectors = loaded.encode([_PROBE] * _PROBES)
    rate = _PROBES / (time.monotonic() - began)
    found = f"{loaded.identity}, {vectors.shape[1]} dimensions, about {rate:,.0f} passages/s a process"
    if settings.passages.max_tokens > loaded.max_tokens:
        advice = f"set passages.max_tokens to {loaded.max_tokens} or less"
        longest = settings.passages.max_tokens
        cut = f"{found}; it reads {loaded.max_tokens} tokens, passages have up to {longest}"
        return "warning", cut, advice
    return "ok", found, ""
