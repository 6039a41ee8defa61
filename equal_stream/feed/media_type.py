"""Which content is a page: HTML and plain text; everything else is passed over by its type."""

_HTML = {"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"}
_TEXT = {"text/plain", "text/markdown", "text/x-markdown"}
_HTML_BEGINNINGS = (b"<!doctype html", b"<html", b"<head", b"<body")


def media_type(content_type: str | None) -> str:
    """Return the type without its parameters, in lower case; empty when there is none."""
    return (content_type or "").partition(";")[0].strip().lower()


def is_page(kind: str) -> bool:
    """Tell whether content of this type is read; content without a type is looked at."""
    return not kind or is_html(kind) or kind in _TEXT


def is_html(kind: str) -> bool:
    """Tell whether a type is HTML."""
    return kind in _HTML


def looks_like_html(data: bytes) -> bool:
    """Tell whether bytes without a type begin as HTML pages do."""
    return data[:1024].lstrip(b"\xef\xbb\xbf\t\n\r\f ").lower().startswith(_HTML_BEGINNINGS)
