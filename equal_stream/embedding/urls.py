"""One spelling for each URL, so that a page crawled under several spellings is one document.

Only what RFC 3986, section 6.2, and the URL standard call equivalent is folded, and what no server looks
at: case of scheme and host, the host's Punycode, default ports, dot segments, needless or lower-case
percent-encoding, an empty path, the fragment, and tracking parameters. Kept as they are: the path's case,
its trailing slash, the order of parameters, `www.`, and http against https: servers do tell these apart.
"""

import re
from urllib.parse import SplitResult, urlsplit, urlunsplit

from equal_stream.errors import InvalidRecord

_LONGEST = 8_192  # characters, as common servers allow
_DEFAULT_PORTS = {"http": 80, "https": 443, "ftp": 21, "ws": 80, "wss": 443}
_TRACKING = re.compile(
    r"utm_\w+|mtm_\w+|pk_\w+|hsa_\w+|gclid|gclsrc|dclid|gbraid|wbraid|fbclid|msclkid|yclid|twclid|ttclid|"
    r"igshid|mc_cid|mc_eid|_hsenc|_hsmi|mkt_tok|vero_id|oly_enc_id|oly_anon_id|wickedid|_openstat"
)
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})")
_SPACE_OR_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_HOST = re.compile(r"[a-z0-9._~!$&'()*+,;=-]+|\[[0-9a-f:.]+\]")


def canonical_url(url: str) -> str:
    """Return the canonical form of an absolute URL; canonical URLs stay as they are.

    >>> canonical_url("HTTPS://Bücher.Example:443/a/../b%7e?utm_source=x&q=1#top")
    'https://xn--bcher-kva.example/b~?q=1'

    Raises
    ------
    InvalidRecord
        ``invalid-url``, with what is wrong with it.
    """
    trimmed = url.strip("\x00\t\n\r\f\v ")
    if len(trimmed) > _LONGEST:
        raise _invalid(f"has {len(trimmed):,} characters; at most {_LONGEST:,} are allowed")
    if not _SCHEME.match(trimmed):
        raise _invalid("has no scheme such as https:")
    try:
        parts = urlsplit(_SPACE_OR_CONTROL.sub(lambda match: f"%{ord(match[0]):02X}", trimmed))
        port = parts.port
    except ValueError as error:
        raise _invalid(f"cannot be read: {error}") from None
    scheme = parts.scheme.lower()
    if not parts.netloc:
        if scheme in _DEFAULT_PORTS:
            raise _invalid("names no host")
        path = _path_of_opaque(parts.path)
        if path.startswith("//"):  # without the empty host before it, what follows would be read as one
            path = f"//{path}"
        return urlunsplit(SplitResult(scheme, "", path, _query(parts.query), ""))
    host = _host(parts.hostname or "")
    user = _percent(f"{parts.netloc.rpartition('@')[0]}@") if "@" in parts.netloc else ""
    shown_port = "" if port is None or port == _DEFAULT_PORTS.get(scheme) else f":{port}"
    path = _without_dot_segments(_percent(parts.path)) or "/"
    return urlunsplit(SplitResult(scheme, f"{user}{host}{shown_port}", path, _query(parts.query), ""))


def _host(host: str) -> str:
    if ":" in host:
        host = f"[{host}]"
    elif not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            raise _invalid(f"has a host that is no domain name: {host[:100]}") from None
    host = host.lower().rstrip(".")
    if not _HOST.fullmatch(host):
        raise _invalid(f"has a host that is no domain name: {host[:100]}" if host else "names no host")
    return host


def _percent(text: str) -> str:
    """Encode what is not ASCII, decode what needs no encoding, and write the rest in upper case."""
    ascii_only = "".join(c if c.isascii() else _encoded(c) for c in text) if not text.isascii() else text
    return _PERCENT.sub(_percent_case, ascii_only)


def _encoded(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def _percent_case(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else match[0].upper()


def _query(query: str) -> str:
    kept = [part for part in query.split("&") if part and not _TRACKING.fullmatch(part.partition("=")[0])]
    return _percent("&".join(kept))


def _path_of_opaque(path: str) -> str:
    if not path:
        raise _invalid("names nothing after its scheme")
    return _percent(path)


def _without_dot_segments(path: str) -> str:
    """Remove `.` and `..` (RFC 3986, section 5.2.4)."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)


def _invalid(cause: str) -> InvalidRecord:
    return InvalidRecord("invalid-url", "url", f"field url {cause}")
