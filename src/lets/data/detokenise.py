"""From words apart by spaces back to running text, for scores that split it in a way of their own."""

import re

__all__ = ["detokenise"]

ENTITIES = {
    "&bar;": "|",
    "&#124;": "|",
    "&lt;": "<",
    "&gt;": ">",
    "&apos;": "'",
    "&quot;": '"',
    "&#91;": "[",
    "&#93;": "]",
    "&amp;": "&",  # the last one: what it yields is no entity
}
"""what Moses' tokeniser writes for signs that mean something to it"""

BEHIND = re.compile(r" (?=[.,!?;:%)\]…])| (?='(?:s|re|ve|ll|d|m|t)\b)")
BEFORE = re.compile(r"(?<=[(\[]) ")


def detokenise(line: str) -> str:
    """Undo Moses' entities and close the gaps before . , ! ? ; : % ) ] … 's 're 've 'll 'd 'm 't, and after ( [.

    Quotation marks stay apart, for nothing tells an opening from a closing one; sacrebleu's 13a sets them
    apart anyway.
    """
    for entity, sign in ENTITIES.items():
        line = line.replace(entity, sign)
    return BEFORE.sub("", BEHIND.sub("", line))
