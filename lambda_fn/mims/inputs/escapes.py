"""Escapes in strings, as in Python and YAML: `\\xNN`, `\\uNNNN`, `\\UNNNNNNNN`, `\\n`."""

from __future__ import annotations

import re
from typing import Mapping, Match, Optional

ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)


def unescaped(escape: Match[str], characters: Mapping[str, str]) -> Optional[str]:
    """Return the character that a match of `ESCAPE` stands for; `None` if it is not valid.

    `characters` maps each letter after a backslash to what it stands for.
    """
    *codes, character = escape.groups()
    for code in codes:
        if code:
            try:
                return chr(int(code, 16))
            except (ValueError, OverflowError):  # beyond Unicode
                return None
    return characters.get(character)
