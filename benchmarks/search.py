"""The walk to an archive's end, and the search for a model's fields on the way there."""

from __future__ import annotations

from collections.abc import Iterable

from mims import find_inputs
from mims.archive.inflate import TarStream
from mims.archive.members import Walk
from mims.deadline import nothing
from mims.limits import Limits
from mims.settings import GivenSettings

_NO_MEMBERS_ENDING = (b"/\0",)


def walk(pieces: Iterable[bytes]) -> None:
    """Pass over every member, and look into none."""
    members = Walk(TarStream(pieces, nothing), Limits(), nothing)
    for _ in members.entries(_NO_MEMBERS_ENDING):
        raise AssertionError("a member was looked at")


def search(pieces: Iterable[bytes]) -> None:
    """Find the fields that the model's own files tell."""
    inputs = find_inputs(pieces, GivenSettings())
    if not inputs.fields:
        raise AssertionError("no field was found")
