"""One seed per role, so that changing one source of randomness leaves all others as they were."""

import hashlib
from typing import Literal

Role = Literal[
    "init",
    "order",
    "validation",
    "held-out",
    "noise",
    "subset",
    "method",
    "landscape",
    "sharpness",
    "audit",
    "dropout",
    "measured",
]


def seed_for(role: Role, *parts: object) -> int:
    """Derive a 63-bit seed from a role and whatever that role's randomness may depend on.

    The noisy labels depend on the data set alone, the initial weights on architecture and seed alone:
    methods are compared on equal terms.
    """
    text = "/".join([role, *map(str, parts)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
