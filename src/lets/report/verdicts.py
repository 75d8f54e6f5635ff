"""The audit's verdicts on the page: one line of data, which `lets audit` writes into a page made without it."""

import json
from typing import Any

from markupsafe import Markup

_LINE = '<script type="application/json" id="audit-data">{}</script>'
UNAUDITED = Markup(_LINE.format("null"))
"""as `lets report` leaves it: nobody has audited this page since it was made"""


def embedded(content: Any) -> Markup:
    """Return JSON that may stand in a script element: nothing in it can end the element."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))


def with_verdicts(page: str, audit: dict[str, Any]) -> str:
    """Return an unaudited page with the verdicts of an audit (the content of audit.json) in it."""
    told = {name: audit[name] for name in ("passed", "next", "items", "cells")}
    told["failures"] = [
        {"run": one["run"], "reason": one["reason"], "command": one["command"]}
        for one in audit["failures"]
        if one["run"]
    ]
    return page.replace(UNAUDITED, _LINE.format(embedded(told)), 1)
