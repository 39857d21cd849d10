"""Pickled models → fields: pickles and joblib's files, compressed or not.

Most have scikit-learn's estimators, so this source has its name; the source of the fields is the
library of the outermost object (`xgboost` for a pickled XGBClassifier). Nothing is unpickled.
"""

from __future__ import annotations

import re
from typing import Any, Optional

from mims.inputs.arrays import listed
from mims.inputs.autogluon import WHOLE
from mims.inputs.boosted import BLOBS
from mims.inputs.compressed import BZIP2, LZ4, packing_of, unpacked, unpacked_head
from mims.inputs.containers import WANTED, found_in, source_of
from mims.inputs.member import MemberBytes, Told, UnreadableError
from mims.inputs.named import input_names, numeric_fields
from mims.inputs.opcodes import OPCODES
from mims.inputs.pickles import Reading, read_pickle
from mims.inputs.sources import FEATURE_LIST_NAMES, SKLEARN

NAME = "sklearn"
_HEAD = 64  # bytes by which a pickle is recognised
# Protocols 0 and 1 begin with the class of the object, or with a list or dictionary in the memo.
_OLD = re.compile(
    rb"\(?c[A-Za-z_][\w.]*\n[A-Za-z_]\w*\n|\(i[A-Za-z_][\w.]*\n[A-Za-z_]\w*\n"
    rb"|\([ld]p\d+\n|[\]}]q."
)
# Compressions whose first bytes do not show what is compressed: such a file must also have a usual
# name.
_UNSEEN = (BZIP2, LZ4)
_ENDINGS = (".pkl", ".pickle", ".joblib", ".sav", ".jbl", ".model", ".p")
_PACKED_ENDINGS = (".bz2", ".lz4")
# Of a pickle that cannot be read, and shows no library before the fault: it may be a vocabulary.
_UNKNOWN = "pickle"


def wants(path: str, head: bytes) -> bool:
    """Say whether a member is a pickle, by its first bytes."""
    if not head.startswith(SKLEARN.heads):
        return False
    packing = packing_of(head)
    if packing in _UNSEEN:
        name = path.lower()
        for ending in _PACKED_ENDINGS:
            name = name[: -len(ending)] if name.endswith(ending) else name
        return name.endswith(_ENDINGS)
    return _is_pickle(unpacked_head(head, _HEAD) if packing else head[:_HEAD])


def read(member: MemberBytes) -> Optional[Told]:
    """Return the inputs of the outermost object; `None` if it is not a model.

    Raises
    ------
    UnreadableError
        The pickle is damaged, cut short, compressed in a way that cannot be read, or larger than a
        reader may hold.
    """
    stream = unpacked(member)
    if not _is_pickle(stream.peek(_HEAD)):
        return None

    def is_enough(outermost: Any) -> bool:
        found = found_in(outermost, stream.check)
        return found is not None and found.is_certain

    try:
        outermost = read_pickle(stream, Reading(WANTED, BLOBS, is_enough, source_of, WHOLE))
    except UnreadableError as error:
        raise UnreadableError(str(error), error.source or _UNKNOWN) from None
    found = found_in(outermost, stream.check)
    if found is not None:
        return found.told
    return _list(member.name, outermost)


def _is_pickle(head: bytes) -> bool:
    if head[:1] == b"\x80":
        return head[1:2] in (b"\2", b"\3", b"\4", b"\5") and (
            len(head) > 2 and OPCODES[head[2]] is not None
        )
    return _OLD.match(head) is not None


def _list(path: str, outermost: Any) -> Optional[Told]:
    """Return the inputs of a plain list of names, in a file with a name for such lists."""
    base, _, ending = path.lower().rpartition("/")[2].rpartition(".")
    if ending != "pkl" or base not in FEATURE_LIST_NAMES:
        return None
    values = listed(outermost)
    if values is None or not all(type(value) is str for value in values):
        return None
    names = input_names(values)
    if not names:
        return None
    return Told("feature_list", numeric_fields(names))
