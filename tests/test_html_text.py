"""HTML mail as plain text."""

from __future__ import annotations

import pytest

from channels.email.html_text import MAX_HTML, to_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("just words", "just words"),
        ("no  tags\n  at all &amp;\n\n1 < 2", "no tags\nat all &\n\n1 < 2"),
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("<div>one</div><div>two</div>", "one\ntwo"),
        ("one<br>two<br/><br />three", "one\ntwo\n\nthree"),
        ("<div>one</div><div><br></div><div>two</div>", "one\n\ntwo"),
        ("a\n   b\t<b>c</b>d", "a b cd"),
        ("caf&eacute;&nbsp;&amp;&#x20AC;&lt;b&gt;", "café &€<b>"),
        ("<ul><li>a<li>b<ol><li>c</li><li>d</ol></ul>e", "- a\n- b\n  1. c\n  2. d\n\ne"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><th>c</th></tr></table>", "a b\nc"),
        ("<pre>  a\n   b</pre>c", "  a\n   b\n\nc"),
        (
            "<p>new</p><blockquote type=cite><p>old</p><p>older</p><blockquote>oldest</blockquote></blockquote>end",
            "new\n\n> old\n>\n> older\n>\n> > oldest\n\nend",
        ),
        ('<blockquote style="margin:0 0 0 40px;border:none">indented</blockquote>', "indented"),
        ("<head><title>T</title><style>p{}</style></head><body>x</body>", "x"),
        ("a<script>if (1 < 2) x()</script>b", "ab"),
        ("a<!-- b --><!--[if mso]>c<![endif]-->d", "ad"),
        ("a<![if !mso]>b<![endif]>c", "abc"),
        ('<div style="display: none">preview<div>x</div></div>seen', "seen"),
        ("<p hidden>gone</p><p>seen", "seen"),
        ('<a href="https://example.org/">link</a>', "link"),
        ('<a title="a>b" href=x>link</a>', "link"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("a\u200b\ufeffb \u200c\u00a0\u200c c", "ab c"),
        ("👩\u200d🔧 ok", "👩\u200d🔧 ok"),
        ('hi <img alt="😀" src=x>', "hi 😀"),
        ('hi <img alt="Logo" src=x>', "hi"),
        ("a&#0;b&#xD800;c", "a\ufffdb\ufffdc"),
        ("<!-- never ends", "never ends"),
        ("<style>never ends", "never ends"),
        ("<div style='display:none'>never ends", "never ends"),
        ("a<hr>b", "a\n\nb"),
        ('<ol start="3"><li>a<li>b</ol>', "3. a\n4. b"),
        ("<iframe src=x>no frames</iframe>a", "a"),
        ('<div style="max-height:0px;overflow:hidden">preview</div>seen', "seen"),
        ('<div style="overflow:hidden;max-height:0">preview</div>seen', "seen"),
        ('<div style="max-height:0;">shown</div>', "shown"),
        ('<span style="visibility: hidden">preview</span>seen', "seen"),
        ('<div style="white-space:pre-wrap">a\nb\r\n\r\nc</div>d\ne', "a\nb\n\nc\nd e"),
        ('<p>a <span style="white-space:pre">b</span>\nc</p>', "a b c"),
        ('<div style="white-space:pre-line"><div>a\nb</div>c\nd</div>e\nf', "a\nb\nc\nd\ne f"),
    ],
)
def test_html_reads_as_a_text_browser_shows_it(html, text):
    assert to_text(html) == text


def test_only_the_beginning_of_endless_html_is_turned_into_text():
    assert len(to_text("<p>" + "word " * MAX_HTML)) <= MAX_HTML
