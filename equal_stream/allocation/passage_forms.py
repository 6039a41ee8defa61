"""What is known of passages besides what they say: lengths, places in their documents, and sites."""

from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

FARTHEST = 255  # passages before or after that are told apart


class PassageForms(NamedTuple):
    """Forms of n passages.

    Attributes
    ----------
    tokens
        (n,) int32; encoder tokens.
    site, section
        (n,) uint32; see `site_of`.
    before, after
        (n,) uint8; passages of the document before and after, `FARTHEST` at most. Both are 0 for one that
        is alone, or whose place is not known.
    """

    tokens: NDArray[np.int32]
    site: NDArray[np.uint32]
    section: NDArray[np.uint32]
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]


def site_of(url: str) -> tuple[int, int]:
    """Return numbers for a URL's site and for the section of it that it belongs to.

    The site is what comes before the path. The section is the first part of the path as well, if more
    follows: on hosts with many authors it tells them apart. A URN is divided at its colons, and its
    namespace counts as the site. Different ones may have the same number, once in four billion.
    """
    scheme, found, rest = url.partition("://")
    if found:
        site, _, path = rest.partition("/")
        first, more, _ = path.partition("/")
    else:
        scheme, _, rest = url.partition(":")
        name, _, path = rest.partition(":")
        site = f"{scheme}:{name}"
        first, more, _ = path.partition(":")
    section = f"{site}/{first}" if more else site
    return crc32(site.encode("utf-8", "surrogatepass")), crc32(section.encode("utf-8", "surrogatepass"))
