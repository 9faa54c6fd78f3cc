# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The ways in which a text may encode the path of a file, all of which are tried, one after another too."""

from __future__ import annotations

import html
import re
import unicodedata
from collections import deque
from typing import Callable, Iterator, Match, NamedTuple
from urllib.parse import unquote

# Different readings of a path, and of a longer text; what is encoded in so many ways at once is neither.
_MOST_READINGS = 250
_MOST_OF_LONG_TEXT = 50
_LONG_TEXT = 10_000

# Characters that are not shown.
_INVISIBLE_SIGNS = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_INVISIBLE = re.compile(f"[{_INVISIBLE_SIGNS}]")
_ESCAPE = re.compile(
    r"((?:\\u[0-9A-Fa-f]{4})+)|((?:\\x[0-9A-Fa-f]{2})+)|((?:\\[0-3][0-7]{2})+)"
    r"|\\u\{([0-9A-Fa-f]{1,6})\}|\\U([0-9A-Fa-f]{8})|\\(.)",
    re.DOTALL,
)
_UNIT = re.compile(r"\\x([0-9A-Fa-f]{2})")
_OLD_UNIT = re.compile(r"%u([0-9A-Fa-f]{4})")
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_QUOTED = re.compile(r"(?:=[0-9A-Fa-f]{2})+")
_BROKEN_LINE = re.compile(r"=\r?\n")

# Letters, digits and the dot: who encodes one of these has encoded all, the extension too. And the signs of
# encodings, which may be encoded themselves.
_HEX = "(?:2[3-6Ee]|3[0-9BbDd]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Cc])"
_DECIMAL = "(?:3[5-8]|46|4[89]|5[0-79]|6[15-9]|[789][0-9]|1[01][0-9]|12[0-2])(?![0-9])"
# Each with a character without which it does not come, and with which it begins. Those beyond ASCII are
# bytes of UTF-8: of signs that are not shown, and of the one that is a k in lower case.
_HIDDEN = (
    ("%", re.compile(f"%(?:25)*{_HEX}")),
    # Quoted-printable breaks lines within words, and encodes no letter.
    (
        "\\",
        re.compile(rf"\\(?:(?:u00|u\{{0*|U000000|x){_HEX}|056|[01][0-7]{{2}}|(?<==\\)\\*(?:r\\+)?n)"),
    ),
    ("\n", re.compile(r"(?:(?<==)|(?<==\r))\n")),
    ("#", re.compile(f"(?<=[&;])#(?:0*{_DECIMAL}|[xX]0*{_HEX})")),
    ("\xe2", re.compile("\xe2(?:\x80[\x8b-\x8f]|\x81\xa0|\x84\xaa)")),
    ("\xc2", re.compile("\xc2\xad")),
    ("\xef", re.compile("\xef\xbb\xbf")),
)
# One in so many characters, and looking for each of them takes longer than the pattern does.
_DENSE = 64


def folded(text: str) -> str:
    """A text as names are compared: in NFC and in lower case, for a file system may ignore both."""
    text = text.lower()
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def folded_path(path: bytes) -> str:
    """A path, or a name, as ``folded`` has it; bytes that are no UTF-8 are kept."""
    text = path.decode("utf-8", "surrogateescape").lower()
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def bytewise(text: str) -> str:
    """A text by its bytes in UTF-8, each as one character: so a pattern searches what a database sends."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def hidden_places(written: str) -> Iterator[int]:
    """Where a text, by its bytes, may have an extension in a form in which no search finds it."""
    for sign, hidden in _HIDDEN:
        place = written.find(sign)
        # The search for one character is several times faster than that for a pattern, while there are few.
        for _few in range(len(written) // _DENSE + 1):
            if place < 0:
                break
            if hidden.match(written, place):
                yield place
            place = written.find(sign, place + 1)
        for found in hidden.finditer(written, place) if place >= 0 else ():
            yield found.start()


def readings(text: str) -> Iterator[str]:
    """Yield a text as it is, and all that it may stand for."""
    most = _MOST_READINGS if len(text) < _LONG_TEXT else _MOST_OF_LONG_TEXT
    found = {text: None}
    # What was encoded twice is decoded twice.
    waiting = deque([text])
    while waiting and len(found) < most:
        encoded = waiting.popleft()
        for encoding in _ENCODINGS if encoded.isascii() else (*_ENCODINGS, *_BEYOND_ASCII):
            if encoding.sign in encoded:
                plain = encoding.decode(encoded)
                if plain not in found:
                    found[plain] = None
                    waiting.append(plain)
    return iter(found)


class _Encoding(NamedTuple):
    """A way to encode text, and the sign by which it may be known."""

    sign: str
    decode: Callable[[str], str]


def _without_percent(text: str) -> str:
    return unquote(text, errors="surrogateescape")


def _without_old_percent(text: str) -> str:
    """As JavaScript's escape() and old browsers encoded: by units of UTF-16, or in Latin-1."""
    return unquote(_OLD_UNIT.sub(lambda found: chr(int(found.group(1), 16)), text), encoding="latin-1")


def _without_backslashes(text: str) -> str:
    return _ESCAPE.sub(_unescaped, text)


def _without_backslashes_of_units(text: str) -> str:
    """As JavaScript and Python write text, of which each hexadecimal number is a character and no byte."""
    return _without_backslashes(_UNIT.sub(lambda found: chr(int(found.group(1), 16)), text))


def _unescaped(found: Match[str]) -> str:
    units, hexadecimal, octal, braced, long, character = found.groups()
    if units:
        # Two of them may be the halves of one character.
        return _of_units([int(unit, 16) for unit in units[2:].split("\\u")])
    if hexadecimal:
        return _of_bytes(bytes(int(part, 16) for part in hexadecimal[2:].split("\\x")))
    if octal:
        return _of_bytes(bytes(int(part, 8) for part in octal[1:].split("\\")))
    if braced or long:
        number = int(braced or long, 16)
        return chr(number) if number <= 0x10FFFF else found.group()
    return _LETTERS.get(character, character)


def _of_units(units: list[int]) -> str:
    raw = b"".join(unit.to_bytes(2, "little") for unit in units)
    return raw.decode("utf-16-le", "surrogatepass") if _is_paired(units) else "".join(map(chr, units))


def _is_paired(units: list[int]) -> bool:
    return any(0xD800 <= unit < 0xDC00 for unit in units[:-1])


def _of_bytes(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _without_quoted_printable(text: str) -> str:
    return _QUOTED.sub(
        lambda found: _of_bytes(bytes.fromhex(found.group().replace("=", ""))), _BROKEN_LINE.sub("", text)
    )


_ENCODINGS = (
    _Encoding("%", _without_percent),
    _Encoding("%", _without_old_percent),
    _Encoding("&", html.unescape),
    _Encoding("\\", _without_backslashes),
    _Encoding("\\x", _without_backslashes_of_units),
    _Encoding("\\", lambda text: text.replace("\\", "/")),
    _Encoding("+", lambda text: text.replace("+", " ")),
    _Encoding("=", _without_quoted_printable),
)
_BEYOND_ASCII = (
    *(_Encoding(sign, lambda text: _INVISIBLE.sub("", text)) for sign in _INVISIBLE_SIGNS),
    # An editor writes a space so that it is not lost.
    _Encoding("\u00a0", lambda text: text.replace("\u00a0", " ")),
)
