"""The errors for a model whose files name no input field, with the reasons why."""

from __future__ import annotations

from typing import Optional, Sequence

from mims.errors import (
    ArchiveLimitError,
    HyperparametersNotFoundError,
    NoInputFieldsError,
    PayloadError,
    shown,
)
from mims.inputs.hyperparameters import FILE_NAME, Member, beyond_memory
from mims.limits import RAISED_BYTES, SHOWN_NAMES, Limits
from mims.wording import counted

_REMEDY = (
    "Name the fields in the settings (FIELDS), have the training job write field_info, or "
    "tab_field_list and cat_field_list, into hyperparameters.json, or pack a list of the names "
    "(feature_names.json)."
)


def no_fields_named(
    member: Member, reasons: Sequence[str], hint: str, cause: Optional[NoInputFieldsError]
) -> PayloadError:
    """Return the error for hyperparameters that name no field, and files that name none either.

    `reasons` say which of the model's files were looked into, and why they name none; `hint` says
    what the hyperparameters may have meant; `cause` is the error of a form that is there but empty.
    """
    looked = _looked_into(reasons)
    if cause is not None:
        return NoInputFieldsError(f"{cause}{looked}")
    return NoInputFieldsError(
        f"'{shown(member.name)}' names no input field, and neither does anything else in "
        f"the model.{f' {hint}' if hint else ''}{looked} {_REMEDY}"
    )


def no_hyperparameters(
    count: int, names: Sequence[str], reasons: Sequence[str], not_regular: bool
) -> PayloadError:
    """Return the error for a model of `count` files, none of which names fields.

    `names` are those of the first.
    """
    listed = ", ".join(f"'{shown(name)}'" for name in names)
    more = ", …" if count > SHOWN_NAMES else ""
    not_used = (
        f" A link, folder or sparse file named {FILE_NAME} is never used: pack a regular file."
        * not_regular
    )
    return HyperparametersNotFoundError(
        f"Nothing in the model names its input fields: there is no {FILE_NAME} among its "
        f"{counted(count, 'member')}{f' ({listed}{more})' if listed else ''}, and no other file "
        f"that is known to name them.{not_used}{_looked_into(reasons)} {_REMEDY}"
    )


def _looked_into(reasons: Sequence[str]) -> str:
    return f" Looked into: {'; '.join(reasons)}." if reasons else ""


def too_large(name: str, size: int, limits: Limits) -> ArchiveLimitError:
    """Return the error for a `hyperparameters.json` larger than its limit."""
    if limits.hyperparameters_bytes > RAISED_BYTES:
        return beyond_memory(name, size)
    return ArchiveLimitError(
        f"'{shown(name)}' has {size:,} bytes, over the limit of {limits.hyperparameters_bytes:,} "
        "(MAX_HYPERPARAMETERS_BYTES). Raise the limit, or keep bulk data elsewhere."
    )
