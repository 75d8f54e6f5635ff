"""Shell commands that we print: quoted, so that what is pasted is what was meant."""

import shlex
from pathlib import Path, PurePath

DEMO = Path("params/demo.yaml")
"""the params file that every command takes by itself"""
REFERENCE = Path("reference")
"""a tree like this one with the reports that git holds: fresh results change no tracked file"""


def command(*words: object) -> str:
    """Return the words as one line for bash or zsh; a path that begins with a dash does not read as an option."""
    return " ".join(map(_quoted, words))


def plain(text: str) -> str:
    """Return a text on one line, with what no terminal should act on written out: newlines, escapes, lone bytes."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _quoted(word: object) -> str:
    text = str(word)
    if isinstance(word, PurePath) and text.startswith("-"):
        text = f"./{text}"
    return shlex.quote(text) if text.isprintable() else f"$'{_escaped(text)}'"


def _escaped(text: str) -> str:
    """The bytes of a text for $'…': those of a file name that is no UTF-8 are what Python read them as."""
    try:
        content = text.encode(errors="surrogateescape")
    except UnicodeEncodeError:  # a surrogate that stands for no byte
        content = text.encode(errors="surrogatepass")
    return "".join(chr(one) if 32 <= one < 127 and one not in b"'\\" else f"\\x{one:02x}" for one in content)
