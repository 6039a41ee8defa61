"""The text of a document: the one that all character offsets count in.

`text` is taken as it came, to the character, unless it is blank and there is html. For a page given as
`html` it is what `html.page_text` makes of it; the same page gives the same text. Nothing is cleaned here:
what the encoder must not see is kept from it at the last moment (`tokens.encodable`), so that
`text[start:end]` holds for everybody.
"""

from dataclasses import dataclass

from equal_stream.embedding.html import page_text
from equal_stream.errors import InvalidRecord
from equal_stream.messages import CrawledDocument

_LONGEST_TITLE = 512  # characters: it travels with every passage
_HTML_PER_TEXT = 4  # characters of markup allowed for each character of the longest text


@dataclass(frozen=True, slots=True)
class DocumentText:
    """Text and title of one version of a document."""

    text: str
    title: str


def document_text(document: CrawledDocument, max_characters: int) -> DocumentText:
    """Return the text of a document.

    Parameters
    ----------
    document
        As decoded.
    max_characters
        Longest text that will be used; html of more than four times as many characters is not parsed.

    Raises
    ------
    InvalidRecord
        ``no-content`` when there is neither text nor html, ``invalid-text`` for lone surrogates, or what
        `page_text` raises.
    """
    if document.text is not None and (document.html is None or document.text.strip()):
        text, title = document.text, ""
        _require_encodable(text, "text")
    elif document.html is not None:
        _require_encodable(document.html, "html")
        if len(document.html) > _HTML_PER_TEXT * max_characters:
            raise InvalidRecord(
                "html-too-long",
                "html",
                f"field html has {len(document.html):,} characters; "
                f"at most {_HTML_PER_TEXT * max_characters:,} are parsed",
            )
        text, title = page_text(document.html)
    else:
        raise InvalidRecord("no-content", "text", "fields text and html are both missing; one is required")
    given = " ".join((document.title or "").split())
    _require_encodable(given, "title")
    return DocumentText(text, (given or title)[:_LONGEST_TITLE])


def _require_encodable(text: str, field: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidRecord(
            "invalid-text", field, f"field {field} has a lone surrogate at character {error.start}"
        ) from None
