"""The walk to an archive's end, and the search for a model's fields on the way there.

Only a trial's process has the function's code on its path, so it is imported when it is needed.
"""

from __future__ import annotations

from collections.abc import Iterable

_ENDING_OF_NO_MEMBER = (b"/\0",)


def walk(pieces: Iterable[bytes]) -> None:
    """Pass over every member, without reading any."""
    from mims.archive.inflate import TarStream
    from mims.archive.members import Walk
    from mims.deadline import no_deadline
    from mims.limits import Limits

    members = Walk(TarStream(pieces, no_deadline), Limits(), no_deadline)
    for _ in members.entries(_ENDING_OF_NO_MEMBER):
        raise AssertionError("a member was read")


def search(pieces: Iterable[bytes]) -> None:
    """Find the fields that the model's own files name."""
    from mims import find_inputs
    from mims.settings import GivenSettings

    inputs = find_inputs(pieces, GivenSettings())
    if not inputs.fields:
        raise AssertionError("no field was found")
