"""A text's escapes as Python and YAML both write them: `\\xNN`, `\\uNNNN`, `\\UNNNNNNNN`, `\\n`."""

from __future__ import annotations

import re
from typing import Mapping, Match, Optional

ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)


def unescaped(escape: Match[str], characters: Mapping[str, str]) -> Optional[str]:
    """Return what a match of `ESCAPE` stands for; `None` where it stands for nothing.

    `characters` says what each letter behind a backslash stands for.
    """
    *codes, character = escape.groups()
    for code in codes:
        if code:
            try:
                return chr(int(code, 16))
            except (ValueError, OverflowError):  # beyond Unicode
                return None
    return characters.get(character)
