"""Which runs are computed again: drawn from what is audited, so that nobody chooses them."""

from collections.abc import Iterable
from dataclasses import dataclass

from lets.files import sha256_bytes


@dataclass(frozen=True)
class Draw:
    """How much is computed again, and what the draw depends on besides the audited files.

    Two audits of the same files draw the same. Whoever made the files could still change a byte until the draw
    suits him: a `salt`, any word that he cannot have known, takes that away.
    """

    count: int = 0
    """how many runs, and how many analyses of each kind"""
    salt: str = ""
    deep: bool = False
    """whether runs are trained again"""
    runs: tuple[str, ...] = ()
    """the ids of these runs, or their unambiguous beginnings; by default one is drawn too"""

    def order(self, content: str, names: Iterable[str]) -> list[str]:
        """Return the names in the order drawn: by the sha256 of `content/salt/name`.

        `content` is the digest of all that is audited.
        """
        return sorted(names, key=lambda name: sha256_bytes(f"{content}/{self.salt}/{name}".encode()))


NOTHING = Draw()
