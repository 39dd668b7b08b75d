"""Whose page sent this? A post counts only when a page of ours sent it (protection against cross-site requests).

Every browser says so by itself: Sec-Fetch-Site (Fetch Metadata), older ones Origin (RFC 6454) or Referer; a foreign
page can set none of them. The cookie is SameSite=Lax besides. Pure; what cannot be read is not believed.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import hdrs, web

SAFE = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})
FETCH_SITE, FETCH_MODE = "Sec-Fetch-Site", "Sec-Fetch-Mode"


def ours(request: web.BaseRequest, base_url: str) -> bool:
    """Whether `request` changes nothing, or was sent by one of our own pages."""
    if request.method in SAFE:
        return True
    site = request.headers.get(FETCH_SITE)
    if site is not None:
        return site == "same-origin"
    said = request.headers.get(hdrs.ORIGIN) or request.headers.get(hdrs.REFERER, "")
    try:
        parts = urlsplit(said)
        base = urlsplit(base_url)
    except ValueError:
        return False
    here = {(base.scheme, base.netloc), (request.scheme, request.host)}
    return bool(parts.netloc) and (parts.scheme, parts.netloc) in here


def navigates(request: web.BaseRequest) -> bool:
    """Whether a person's browser asks for a page, rather than a script or a program for data."""
    mode = request.headers.get(FETCH_MODE)
    if mode is not None:
        return mode == "navigate"
    return "text/html" in request.headers.get(hdrs.ACCEPT, "")


def place(said: str) -> str:
    """`said` where it is a path of ours that one may be sent to, else ''."""
    path = said[:2000]
    unfit = not path.startswith("/") or path.startswith(("//", "/\\")) or not path.isprintable() or "\\" in path
    return "" if unfit else path
