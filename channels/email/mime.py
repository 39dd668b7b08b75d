"""Reading mail: raw bytes in, a `Mail` out (RFC 5322, RFC 2045-2049 and what mailers make of them).

Pure, linear in the size of the mail, and it never raises: whatever cannot be read is empty or kept as a file, and has
a line in `remarks`. The steps: structure.py finds the parts, transfer.py and charset.py decode them, body.py says
which are text and which are files, attachments.py names the files.
"""

from __future__ import annotations

from channels.email import (
    addresses,
    attachments,
    charset,
    dates,
    encoded_words,
    flowed,
    headers,
    html_text,
    opaque,
    transfer,
    uuencode,
    yenc,
)
from channels.email.body import Body
from channels.email.mail import Headers, Mail, Part
from channels.email.structure import MAX_DEPTH, Entity, Tree
from models.envelope import Address, AttachedFile

MAX_REFERENCES = 20
"""Ids kept from each end of References and In-Reply-To."""
MAX_BODY = 2_000_000
"""Characters of text, and of HTML, that are kept."""
MAX_OTHER = 262_144
"""Characters of decoded text that are kept of a part that is not the body."""

_MESSAGE = "message/"
_ENCRYPTED = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime", "application/pgp-encrypted"})
_SIGNATURES = frozenset({"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"})
_MAX_WRAPPED = 4
"""Levels of parts within which what is signed as a whole is unwrapped."""
_INLINE_PGP = "-----BEGIN PGP MESSAGE-----"


def read(raw: bytes) -> Mail:
    """Read one e-mail. Never raises, whatever the bytes are."""
    if b"\r" in raw and b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    tree = Tree(raw)
    _decode_encoded_multiparts(tree)
    content = _Content(tree)
    fields, remarks = tree.root.headers, content.remarks
    return Mail(
        headers=fields,
        content_type=tree.root.content_type,
        parameters=tree.root.parameters,
        senders=_addresses(fields, "from", remarks),
        reply_to=_addresses(fields, "reply-to", remarks),
        to=_addresses(fields, "to", remarks),
        cc=_addresses(fields, "cc", remarks),
        subject=encoded_words.decode(fields.first("subject")),
        message_id=headers.message_id(fields.first("message-id")),
        in_reply_to=_ids(fields, "in-reply-to"),
        references=_ids(fields, "references"),
        date=dates.parse(fields.first("date")),
        text=content.text,
        html=content.html,
        text_from_html=content.text_from_html,
        attachments=tuple(content.files),
        parts=tuple(content.parts),
        remarks=tuple(dict.fromkeys(remarks)),
    )


def _addresses(fields: Headers, name: str, remarks: list[str]) -> tuple[Address, ...]:
    if name not in fields.by_name:
        return ()
    found: list[Address] = []
    for value in fields.all(name):
        more, cut = addresses.read(value, addresses.MAX_ADDRESSES - len(found))
        found += more
        if cut or len(found) > addresses.MAX_ADDRESSES:
            del found[addresses.MAX_ADDRESSES :]
            remarks.append(f"The mail names more than {addresses.MAX_ADDRESSES} addresses (mass mail).")
            break
    return tuple(found)


def _ids(fields: Headers, name: str) -> tuple[str, ...]:
    if name not in fields.by_name:
        return ()
    ids = headers.message_ids(" ".join(fields.all(name)))
    if len(ids) > 2 * MAX_REFERENCES:
        ids = ids[:MAX_REFERENCES] + ids[-MAX_REFERENCES:]
    return tuple(ids)


def _decode_encoded_multiparts(tree: Tree) -> None:
    """A whole multipart in base64 or quoted-printable: forbidden by RFC 2045 §6.4, sent all the same."""
    for leaf in tree.root.leaves():
        if not leaf.content_type.startswith("multipart/") or not transfer.name_of(leaf.encoding):
            continue
        content_type = leaf.headers.first("content-type").encode("utf-8", "replace")
        inner = Tree(
            b"Content-Type: " + content_type + b"\n\n" + transfer.decode(leaf.raw, leaf.encoding).content,
            depth=leaf.depth,
            leaf_count=tree.leaf_count,
        )
        if inner.root.multipart:
            leaf.children = inner.root.children
            tree.leaf_count = inner.leaf_count
            tree.remarks += inner.remarks


class _Content:
    """Everything below the headers: `text`, `html`, `files` and `parts`, with `remarks` on what was lost."""

    def __init__(self, tree: Tree) -> None:
        self.remarks = tree.remarks
        self._tree = tree
        self.parts: list[Part] = []
        self.files: list[AttachedFile] = []
        self._bytes: dict[Entity, bytes] = {}
        self._texts: dict[Entity, str] = {}
        self._within: list[AttachedFile] = []
        """Files that stood in a text, or in what was signed as a whole."""
        self._whole_html = self._whole_text = ""
        """The body of a winmail.dat, or of what was signed as a whole."""
        for leaf in tree.root.leaves():
            self._decode(leaf)
        body = Body(tree.root, self._texts)
        self.html = body.html
        for leaf in body.files:
            self._file(leaf)
        self.files += self._within
        self._set_body(body, tree)

    def _decode(self, leaf: Entity) -> None:
        kind = leaf.content_type
        if kind.startswith("multipart/"):
            self._undivided(leaf)
            kind = leaf.content_type
        decoded = transfer.decode(leaf.raw, leaf.encoding)
        content, text = decoded.content, ""
        if not decoded.sound:
            self.remarks.append(f"A part could not be decoded from {leaf.encoding}; it was kept as it came.")
        if kind.startswith("text/"):
            content, text = self._text(leaf, content)
            if decoded.rest:
                text = f"{text.rstrip()}\n\n{charset.lines(charset.decode(decoded.rest))}"
            self._texts[leaf] = text
        elif kind.startswith(_MESSAGE):
            text = charset.lines(charset.decode(content[:MAX_OTHER]))
        self._bytes[leaf] = content
        self.parts.append(_part(leaf, content, text))
        self._remark_protection(leaf, content, text)

    def _undivided(self, leaf: Entity) -> None:
        """A multipart without parts: it was nested too deep, or is really a text (B1, B15)."""
        if leaf.depth >= MAX_DEPTH:
            leaf.body = leaf.start
            leaf.encoding = ""
            return
        leaf.content_type = "text/plain"
        if leaf.raw.strip():
            self.remarks.append("The parts of the mail could not be told apart; it is shown as text.")

    def _text(self, leaf: Entity, content: bytes) -> tuple[bytes, str]:
        """The content without the files that stood in it, and the text that it is."""
        html = leaf.content_type == "text/html"
        if not html and b"begin" in content and leaf.disposition != "attachment":
            content = self._without_embedded(content)
        label = leaf.parameters.get("charset", "")
        if html and charset.codec(label) in ("", "us-ascii"):
            label = charset.declared_in_html(content) or label
        if label and not charset.codec(label):
            self.remarks.append("A text names a charset that does not exist; it was read as best as possible.")
        text = charset.lines(charset.decode(content, label))[: MAX_BODY + 1]
        if leaf.parameters.get("format", "").lower() == "flowed" and leaf.content_type == "text/plain":
            text = flowed.unflow(text, delete_space=leaf.parameters.get("delsp", "").lower() == "yes")
        return content, text

    def _without_embedded(self, content: bytes) -> bytes:
        """The text around the files that stand in it, which are kept."""
        found = sorted([*uuencode.find(content), *yenc.find(content)], key=lambda file: file.start)
        self._within += attachments.embedded(found)
        kept: list[bytes] = []
        position = 0
        for file in found:
            kept.append(content[position : max(position, file.start)])
            position = max(position, file.stop)
        return b"".join(kept) + content[position:]

    def _remark_protection(self, leaf: Entity, content: bytes, text: str) -> None:
        kind = leaf.content_type
        if kind in _ENCRYPTED and leaf.depth < _MAX_WRAPPED and (signed := opaque.content(content)):
            self._unwrap(leaf, signed)
        elif kind in _ENCRYPTED:
            self.remarks.append("The mail is encrypted or signed as a whole; its content was kept as a file.")
        elif kind in _SIGNATURES:
            self.remarks.append("The mail carries a signature, which was not verified.")
        elif _INLINE_PGP in text:
            self.remarks.append("The text holds a PGP message, which was not decrypted.")

    def _unwrap(self, leaf: Entity, signed: bytes) -> None:
        """Read what was signed as a whole. The file that it came in stays, since the signature is in it."""
        inner = _Content(Tree(signed, depth=leaf.depth + 1, leaf_count=self._tree.leaf_count))
        self._whole_text, self._whole_html = inner.text, inner.html
        self._within += inner.files
        self.parts += inner.parts
        self.remarks += ["The mail is signed as a whole; its signature was not verified.", *inner.remarks]

    def _file(self, leaf: Entity) -> None:
        content = self._bytes[leaf]
        packed = attachments.winmail(leaf, content)
        if packed is None:
            self.files.append(attachments.of(leaf, content, self.html))
            if attachments.is_winmail(leaf):
                self.remarks.append("The file winmail.dat could not be unpacked.")
            return
        self.files += attachments.unpacked(packed.files)
        if packed.text or packed.html:
            self._whole_text, self._whole_html = packed.text, packed.html

    def _set_body(self, body: Body, tree: Tree) -> None:
        self.text, self.text_from_html = body.text, body.text_from_html
        if not self.text or self.text.isspace():
            self.html = self.html or self._whole_html
            self.text = charset.lines(self._whole_text) or (html_text.to_text(self.html) if self.html else "")
        if len(self.text) > MAX_BODY:
            self.text = self.text[:MAX_BODY]
            self.remarks.append(f"The text was cut after {MAX_BODY:,} characters.")
        if len(self.html) > MAX_BODY:
            self.html = self.html[:MAX_BODY]
            self.remarks.append(f"The HTML was cut after {MAX_BODY:,} characters.")
        if len(self.html) > html_text.MAX_HTML and self.text_from_html:
            self.remarks.append(f"Only the first {html_text.MAX_HTML:,} characters of the HTML were turned into text.")
        if (not self.text or self.text.isspace()) and not self.html and not self.files:
            self.remarks.append("The mail has no content." if tree.source.strip() else "The mail is empty.")


def _part(leaf: Entity, content: bytes, text: str) -> Part:
    return Part(
        content_type=leaf.content_type,
        parameters=leaf.parameters,
        disposition=leaf.disposition if leaf.disposition in ("attachment", "inline") else "",
        headers=leaf.headers,
        content=content,
        text=text,
        depth=leaf.depth,
    )
