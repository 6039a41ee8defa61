"""The LLM endpoint and what bounds its bill. Nothing here costs anything: no completion is ever asked for."""

from http import HTTPStatus

import httpx2

from equal_stream.checkup.finding import Verdict
from equal_stream.settings import Settings
from equal_stream.settings_rules import require_llm_ready

ANSWER_SECONDS = 10.0


def llm(settings: Settings) -> tuple[Verdict, str, str]:
    """Check that the endpoint answers and knows the model, by listing its models."""
    configured = settings.llm
    if not configured.base_url:
        return "ok", "none configured: pairs come from pages that carry their own questions", ""
    key = configured.api_key
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
    try:
        answer = httpx2.get(
            f"{configured.base_url.rstrip('/')}/models", headers=headers, timeout=ANSWER_SECONDS
        )
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        advice = "start the endpoint, or correct llm.base_url"
        return "failed", f"no answer from {configured.base_url}: {error}", advice
    if answer.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return "failed", f"the endpoint answers {answer.status_code}", "correct llm.api_key"
    if answer.status_code != HTTPStatus.OK:
        found = f"the endpoint answers {answer.status_code} when asked for its models"
        return (
            "warning",
            found,
            "some endpoints have no such list; check llm.base_url, which usually ends in /v1",
        )
    return _knows_model(answer, configured.model)


def _knows_model(answer: httpx2.Response, model: str) -> tuple[Verdict, str, str]:
    try:
        known = [str(each["id"]) for each in answer.json()["data"]]
    except (ValueError, KeyError, TypeError):
        return (
            "warning",
            "the endpoint answers with something else than a list of models",
            "check llm.base_url",
        )
    if model and model not in known:
        some = ", ".join(known[:5]) or "none"
        return "warning", f"the endpoint does not list the model {model}; it lists {some}", "check llm.model"
    return "ok", f"the endpoint answers and lists {len(known)} models", ""


def prices_and_caps(settings: Settings) -> tuple[Verdict, str, str]:
    """Check that prices are known and a total cap is set."""
    require_llm_ready(settings)
    caps, prices = settings.budget, settings.llm
    if not prices.base_url:
        return "ok", "no LLM, no bill", ""
    limits = [
        f"{amount:,} {unit}"
        for amount, unit in (
            (caps.usd_total, "USD in all"),
            (caps.usd_per_hour, "USD an hour"),
            (caps.tokens_total, "tokens in all"),
            (caps.tokens_per_hour, "tokens an hour"),
        )
        if amount is not None
    ]
    found = (
        f"{prices.in_mtok_cost} and {prices.out_mtok_cost} USD per million tokens in and out; "
        f"at most {', '.join(limits)}"
    )
    return "ok", found, ""
