"""Calls to a Qdrant server that outlast its bad moments, and one clear sentence when they do not."""

from collections.abc import Callable
from typing import TypeVar

import httpx
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from equal_stream.store.base import StoreUnavailable

_PASSING_STATUS = {408, 429, 500, 502, 503, 504}
_PASSING_CODE = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED", "INTERNAL"}
_REFUSED = {401, 403, "UNAUTHENTICATED", "PERMISSION_DENIED"}

_Result = TypeVar("_Result")


class QdrantCalls:
    """Asks again, with growing random pauses, while what went wrong may pass.

    Parameters
    ----------
    where
        The server's URL, for messages.
    seconds
        How long to go on asking.
    """

    def __init__(self, where: str, seconds: float) -> None:
        self._where = where
        self._retrying = Retrying(
            retry=retry_if_exception(_may_pass),
            stop=stop_after_delay(seconds),
            wait=wait_random_exponential(multiplier=0.1, max=5),
            reraise=True,
        )

    def __call__(self, work: Callable[[], _Result]) -> _Result:
        """Return what `work` returns; it may be done more than once.

        Raises
        ------
        StoreUnavailable
            The server cannot be reached, or refuses.
        """
        try:
            return self._retrying(work)
        except (TypeError, ValueError):  # the caller's mistake
            raise
        except Exception as error:
            raise StoreUnavailable(self._sentence(error)) from error

    def _sentence(self, error: Exception) -> str:
        if _status(error) in _REFUSED:
            return f"The Qdrant server at {self._where} refused the key: set EQUAL_STREAM_STORE__API_KEY."
        if _is_distrust(error):
            return (
                f"The certificate of the Qdrant server at {self._where} is not trusted ({_reason(error)}): "
                "name its authority's in EQUAL_STREAM_STORE__CA_FILE, and the server as it does."
            )
        if _may_pass(error):
            return (
                f"The Qdrant server at {self._where} does not answer ({_reason(error)}): start it, or "
                "correct EQUAL_STREAM_STORE__URL."
            )
        return f"The Qdrant server at {self._where} refused the request ({_reason(error)}): see its log."


def _status(error: BaseException) -> int | str | None:
    """Return the HTTP status or the name of the gRPC code, if the server answered with one."""
    if isinstance(error, UnexpectedResponse):
        return error.status_code
    code = getattr(error, "code", None)  # grpc.RpcError
    return str(code().name) if callable(code) else None


def _is_distrust(error: BaseException) -> bool:
    source = error.source if isinstance(error, ResponseHandlingException) else error
    return "CERTIFICATE_VERIFY_FAILED" in str(source) or "certificate verify failed" in str(source).lower()


def _may_pass(error: BaseException) -> bool:
    if _is_distrust(error):
        return False
    if isinstance(error, ResponseHandlingException):
        return isinstance(error.source, httpx.TransportError)
    if isinstance(error, ResourceExhaustedResponse):
        return True
    return _status(error) in _PASSING_STATUS | _PASSING_CODE


def _reason(error: Exception) -> str:
    if isinstance(error, ResponseHandlingException):
        error = error.source
    details = getattr(error, "details", None)  # grpc.RpcError
    text = str(details()) if callable(details) else str(error)
    return " ".join(text.split())[:200] or type(error).__name__
