"""HTML that strangers wrote, made fit to be shown: cleaned by an allow-list, then served into a frame of its own.

Three walls, each of which would do alone: `clean` keeps a short list of elements and attributes (nh3); the answer's
policy allows no script, no request and no form; and both it and the frame's `sandbox` give it an origin of its own.
Remote images, which tell their sender that a mail was read, are loaded only once the reader asks for them.

Enters: HTML as it came, of any size and shape. Leaves: a whole document. Nothing fails.
"""

from __future__ import annotations

from html import escape

import msgspec
import nh3
from aiohttp import hdrs, web

SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
"""What the frame that shows it may do: links open in a tab of their own."""
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:{}; form-action 'none'; base-uri 'none'; "
    f"frame-ancestors 'self'; sandbox {SANDBOX}"
)
LONGEST = 2_000_000
"""Characters that are shown; what lies beyond is cut."""
TAGS = {
    "a", "abbr", "b", "blockquote", "br", "caption", "center", "cite", "code", "col", "colgroup", "dd", "del",
    "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "font", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i",
    "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp", "small", "span", "strike", "strong",
    "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "time", "tr", "tt", "u", "ul", "var", "wbr",
}  # fmt: skip
ATTRIBUTES = {
    "*": {"style", "dir", "lang", "title", "align"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "font": {"color", "size"},
    "ol": {"start", "type"},
    "td": {"colspan", "rowspan", "width", "height", "valign", "bgcolor"},
    "th": {"colspan", "rowspan", "width", "height", "valign", "bgcolor", "scope"},
    "tr": {"valign", "bgcolor"},
    "table": {"width", "border", "cellpadding", "cellspacing", "bgcolor"},
    "col": {"span", "width"},
}
STYLES = {
    "background-color", "border", "border-bottom", "border-collapse", "border-color", "border-left",
    "border-radius", "border-right", "border-style", "border-top", "border-width", "color", "direction", "font",
    "font-family", "font-size", "font-style", "font-weight", "height", "letter-spacing", "line-height",
    "list-style-type", "margin", "margin-bottom", "margin-left", "margin-right", "margin-top", "max-width",
    "padding", "padding-bottom", "padding-left", "padding-right", "padding-top", "text-align", "text-decoration",
    "text-indent", "text-transform", "vertical-align", "white-space", "width", "word-break",
}  # fmt: skip
"""Nothing that moves a box out of its place, and nothing that takes an address."""
SCHEMES = {"http", "https", "mailto", "tel", "data"}
LINKS = ("https:", "http:", "mailto:", "tel:")
IMAGES = tuple(f"data:image/{kind};base64," for kind in ("png", "jpeg", "gif", "webp"))
WITH_CONTENT = {
    "script",
    "style",
    "title",
    "noscript",
    "template",
    "iframe",
    "object",
    "svg",
    "math",
    "textarea",
    "select",
}

SHEET = (
    "body{margin:0;padding:12px;font:15px/1.5 system-ui,sans-serif;color:#222;background:#fff;overflow-wrap:anywhere}"
    "img{max-width:100%;height:auto}table{max-width:100%}blockquote{margin:0 0 0 12px;padding-left:12px;"
    "border-left:3px solid #ccc}.guichet{margin:0 0 12px;padding:8px 12px;background:#f4f1ec;font-size:14px}"
)


class Cleaned(msgspec.Struct, frozen=True):
    """HTML without anything that acts."""

    html: str
    remote_images: int
    """How many images of other servers it names."""


def clean(html: str, *, images: bool = False) -> Cleaned:
    """Keep what is on the lists. With `images`, images of other servers stay."""
    remote = 0

    def allowed(tag: str, attribute: str, value: str) -> str | None:
        nonlocal remote
        if attribute == "href":
            return value if value.strip().lower().startswith(LINKS) else None
        if attribute == "src":
            address = value.strip().lower()
            if address.startswith(("https://", "http://")):
                remote += 1
                return value if images else None
            return value if tag == "img" and address.startswith(IMAGES) else None
        return value

    cleaned = nh3.clean(
        html[:LONGEST].replace("\0", ""),
        tags=TAGS,
        clean_content_tags=WITH_CONTENT,
        attributes=ATTRIBUTES,
        attribute_filter=allowed,
        url_schemes=SCHEMES,
        filter_style_properties=STYLES,
        set_tag_attribute_values={"a": {"target": "_blank"}, "img": {"referrerpolicy": "no-referrer"}},
        link_rel="noopener noreferrer nofollow",
        strip_comments=True,
    )
    return Cleaned(cleaned, remote)


def document(html: str, *, images: bool, language: str, ask: str, address: str) -> str:
    """The document for the frame. `ask` is the link's text that loads the images, `address` where it leads."""
    cleaned = clean(html, images=images)
    offer = f'<p class="guichet"><a href="{escape(address)}">{escape(ask)}</a></p>'
    return (
        f'<!doctype html><html lang="{escape(language)}"><head><meta charset="utf-8"><title>{escape(ask)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{SHEET}</style></head><body>'
        f"{offer if cleaned.remote_images and not images else ''}{cleaned.html}</body></html>"
    )


def answer(html: str, *, images: bool, language: str, ask: str, address: str) -> web.Response:
    """The answer that a frame with `sandbox=SANDBOX` loads."""
    response = web.Response(
        text=document(html, images=images, language=language, ask=ask, address=address), content_type="text/html"
    )
    response.headers["Content-Security-Policy"] = POLICY.format(" https: http:" if images else "")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    return response
