"""From the bytes of a page to its text.

In this order: a byte order mark; UTF-8 where the bytes are valid UTF-8 (no other encoding's text is, by
accident); what the server said; the page's own meta tag; detection. The WHATWG standard asks the server
before the bytes, but servers announce Latin-1 for UTF-8 pages far more often than the bytes mislead.
"""

import codecs

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_ESCAPE = b"\x1b"  # ISO-2022-JP and its kin look like ASCII but for this
_MOST_UNREADABLE = 0.01  # share of characters; above it the announced encoding is taken for wrong


def page_text(data: bytes, announced: str | None = None) -> str:
    """Return the text of a page.

    Parameters
    ----------
    data
        The page as transferred, content encodings undone.
    announced
        The charset the server named, if it named one.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    if _ESCAPE not in data:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            pass
    known = map_encoding_to_html5(announced, fallback_utf8=False) if announced else None
    if known:
        text = data.decode(known, "replace")
        if text.count("\N{REPLACEMENT CHARACTER}") <= _MOST_UNREADABLE * len(text):
            return text
    return data.decode(detect_encoding(data, from_html_meta=True) or "utf-8", "replace")


def charset_of(content_type: str) -> str | None:
    """Return the charset parameter of a Content-Type header.

    >>> charset_of('text/html; charset="ISO-8859-1"')
    'ISO-8859-1'
    """
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip("\"'") or None
    return None
