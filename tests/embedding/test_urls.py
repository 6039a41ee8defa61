"""Canonical URLs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.embedding.urls import canonical_url
from equal_stream.errors import InvalidRecord


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("HTTP://Example.ORG", "http://example.org/"),
        ("https://example.org:443/a", "https://example.org/a"),
        ("http://example.org:8080/a", "http://example.org:8080/a"),
        ("https://example.org/a#part", "https://example.org/a"),
        ("https://example.org/a/./b/../c", "https://example.org/a/c"),
        ("https://example.org/a/..", "https://example.org/"),
        ("https://example.org/%7Euser/%e4%bd%a0", "https://example.org/~user/%E4%BD%A0"),
        ("https://example.org/你", "https://example.org/%E4%BD%A0"),
        ("https://example.org/a b", "https://example.org/a%20b"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://example.org./", "https://example.org/"),
        ("https://example.org/?utm_source=x&b=2&a=1&fbclid=y", "https://example.org/?b=2&a=1"),
        ("https://example.org/?utm_source=x", "https://example.org/"),
        ("https://[2001:DB8::1]:443/", "https://[2001:db8::1]/"),
        ("  https://example.org/\n", "https://example.org/"),
        ("file:///usr/share/doc/x", "file:///usr/share/doc/x"),
        ("python-package:requests/README", "python-package:requests/README"),
    ],
)
def test_spellings_of_one_page_become_one(url: str, canonical: str) -> None:
    assert canonical_url(url) == canonical


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.org/a", "https://example.org/a/"),
        ("https://example.org/a", "https://example.org/A"),
        ("https://example.org/?a=1&b=2", "https://example.org/?b=2&a=1"),
        ("https://example.org/", "http://example.org/"),
        ("https://example.org/", "https://www.example.org/"),
        ("https://example.org/a%2Fb", "https://example.org/a/b"),
    ],
)
def test_what_servers_tell_apart_stays_apart(one: str, other: str) -> None:
    assert canonical_url(one) != canonical_url(other)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org/a",
        "/a/b",
        "http://",
        "http:///a",
        "https:",
        "http://exa mple.org/",
        "http://[::1",
        "http://example.org:99999/",
        "http://example.org:port/",
        f"https://example.org/{'a' * 9000}",
    ],
)
def test_what_is_no_absolute_url_is_refused_with_its_field(url: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        canonical_url(url)
    assert (caught.value.reason, caught.value.field) == ("invalid-url", "url")


@pytest.mark.parametrize("url", ["file:////", "file:////a", "file:///a", "x:////b"])
def test_an_empty_host_before_slashes_is_kept(url: str) -> None:
    assert canonical_url(url) == url


@given(st.text(max_size=60), st.sampled_from(["https://example.org/", "http://", "urn:", "file:///", ""]))
def test_canonical_urls_are_ascii_and_stay_as_they_are(rest: str, prefix: str) -> None:
    try:
        canonical = canonical_url(prefix + rest)
    except InvalidRecord:
        return
    assert canonical.isascii()
    assert canonical_url(canonical) == canonical
