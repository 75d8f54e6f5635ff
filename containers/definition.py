#!/usr/bin/env python3
"""Dockerfile on stdin, the definition that Apptainer builds the same image from on stdout.

Knows the instructions that our Dockerfile has and refuses others: one recipe, so two cannot drift apart.
"""

import json
import re
import shlex
import sys
from collections.abc import Iterator


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Yield every instruction with its words; lines that go on stay lines."""
    text = re.sub(r"^\s*(#.*)?\n", "", text, flags=re.MULTILINE)
    for line in re.split(r"(?<!\\)\n", text.strip()):
        name, words = line.split(maxsplit=1)
        yield name, words


def assignments(words: str) -> list[tuple[str, str]]:
    """Return names and values of `A=b C="d e"`."""
    pairs = (one.partition("=") for one in shlex.split(words.replace("\\\n", "")))
    return [(name, value) for name, _, value in pairs]


def sections_of(place: int, name: str, words: str) -> dict[str, list[str]]:
    """Return the lines that an instruction becomes, by section; the head has no name."""
    match name:
        case "ARG" if place == 0:
            return {"arguments": [words]}
        case "FROM" if place == 1:
            return {"": ["Bootstrap: docker", "From: " + re.sub(r"\$\{(\w+)\}", r"{{ \1 }}", words)]}
        case "LABEL":
            return {"labels": [f"{label} {value}" for label, value in assignments(words)]}
        case "COPY":
            return {"files": [words]}
        case "RUN":
            return {"post": [words]}
        case "ENV":
            exports = [f'export {variable}="{value}"' for variable, value in assignments(words)]
            return {"environment": exports, "post": exports}
        case "CMD":
            return {"runscript": [f"[ $# -gt 0 ] || set -- {shlex.join(json.loads(words))}", 'exec "$@"']}
        case "USER" | "WORKDIR":  # Apptainer runs as who calls it, where it is called
            return {}
    sys.exit(f"error: Dockerfile – {name} {words} – is not translated: teach containers/definition.py to")


def definition(dockerfile: str) -> str:
    """Return the definition; an instruction that is not known ends the program."""
    sections: dict[str, list[str]] = {"": []}
    for place, instruction in enumerate(instructions(dockerfile)):
        for section, lines in sections_of(place, *instruction).items():
            sections.setdefault(section, []).extend(lines)
    heads = {section: f"\n%{section}\n" if section else "" for section in sections}
    return "".join(
        heads[section] + "".join(f"{line}\n" for line in lines) for section, lines in sections.items()
    )


if __name__ == "__main__":
    print(definition(sys.stdin.read()), end="")
