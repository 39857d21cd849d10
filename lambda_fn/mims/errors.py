"""Every error that this project raises on purpose.

Class names are part of the interface: Step Functions matches on them, and answers, logs and metrics
have them. Each class says whether it is permanent (trying again cannot help) or transient.
"""

from __future__ import annotations

from typing import Iterator

from mims.limits import SHOWN_CHARACTERS


class PayloadError(Exception):
    """Base of all errors of the payload generator; the message names the fault and the remedy."""

    permanent = True


class InvalidRequestError(PayloadError):
    """The event or request has an unknown shape, or a URI in it is invalid."""


class InvalidSettingsError(PayloadError):
    """A setting is wrong, or cannot serve this model; the message names setting and value."""


class ModelNotFoundError(PayloadError):
    """The bucket, key or version does not exist, or there is nothing at the path."""


class ModelArchivedError(PayloadError):
    """The object is in an archive storage class and must be restored first."""


class AccessDeniedError(PayloadError):
    """S3 refused an action; the message names the action and the resource."""


class CorruptArchiveError(PayloadError):
    """A model or payload archive is damaged, truncated, or not a (gzip'd) tar at all."""


class ArchiveLimitError(PayloadError):
    """A model or payload archive exceeds a limit."""


class HyperparametersNotFoundError(PayloadError, FileNotFoundError):
    """There is no usable `hyperparameters.json` in the model."""


class InvalidHyperparametersError(PayloadError):
    """`hyperparameters.json` cannot be parsed, or a key in it has the wrong form."""


class NoInputFieldsError(PayloadError):
    """The hyperparameters name no input field."""


class PayloadTooLargeError(PayloadError):
    """A payload file is larger than the request of an endpoint may be."""


class PayloadOccupiedError(PayloadError):
    """There is an object where the payload goes that this generator did not make."""


class OutputError(PayloadError):
    """The payload archive cannot be written to disk."""


class InternalError(PayloadError):
    """A defect of this project; the message names the exception's class and the line, no more."""


class RefusedError(PayloadError):
    """S3 refuses a request for a reason that no other class has; the message names it."""


class StorageError(PayloadError):
    """S3 throttles, fails or is out of reach, after all retries."""

    permanent = False


class ModelChangingError(PayloadError):
    """The model was replaced again and again while its payload was made."""

    permanent = False


class DeadlineExceededError(PayloadError):
    """The function's time is nearly up."""

    permanent = False


def internal_error(error: BaseException) -> InternalError:
    """Return an error that says as much as may be said of an unexpected exception.

    The exception's message may quote a hyperparameter's value, so only its class is kept, with the
    file and line it comes from. Raise what this returns after the `except` clause, not in it:
    there the exception would travel along as the context.
    """
    where = "an unknown place"
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename.replace("\\", "/").rsplit("/", 1)[-1]
        where = f"{file}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return InternalError(f"{type(error).__name__} in {where}. Please report this defect.")


def shown(value: object) -> str:
    """Return a name or value fit for a message: escaped where it is not printable, and cut."""
    try:
        text = value if isinstance(value, str) else _beginning(value)
    except (RecursionError, ValueError):  # nested, or an integer, beyond what str() takes
        return "…"
    escaped = repr(text[: SHOWN_CHARACTERS + 1])[1:-1]
    return escaped if len(escaped) <= SHOWN_CHARACTERS else escaped[: SHOWN_CHARACTERS - 1] + "…"


def reason_of(error: Exception) -> str:
    """Return why the system could not open or write a file, if possible without the file's name."""
    return getattr(error, "strerror", None) or str(error)


def _beginning(value: object) -> str:
    """Return `str` of a value, or its beginning, which is a little more than is shown."""
    written, length = [], 0
    for piece in _pieces(value):
        written.append(piece)
        length += len(piece)
        if length > SHOWN_CHARACTERS:
            break
    return "".join(written)


def _pieces(value: object) -> Iterator[str]:
    """Yield what `str` writes for a value, piece by piece: a list may have a million items."""
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        yield "[" if isinstance(value, list) else "("
        for index, item in enumerate(value):
            yield ", " * (index > 0)
            yield from _pieces(item)
        yield "]" if isinstance(value, list) else ",)" if len(value) == 1 else ")"
    elif isinstance(value, dict):
        yield "{"
        for index, (key, item) in enumerate(value.items()):
            yield ", " * (index > 0)
            yield from _pieces(key)
            yield ": "
            yield from _pieces(item)
        yield "}"
    elif isinstance(value, str):
        yield repr(value if len(value) <= SHOWN_CHARACTERS else value[: SHOWN_CHARACTERS + 1])
    else:
        yield str(value)
