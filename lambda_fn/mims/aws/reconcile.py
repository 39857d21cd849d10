"""A model → its payload in S3, brought up to date with the newest model.

Events come twice, late and out of order, and runs overlap. So an event only says which key to look
at, and a run looks at the model once more after it has written. The last run to write does so too:
when all is quiet, the payload belongs to the newest model. There is no lock and no table.
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Union

from mims import Payload, find_inputs, find_inputs_in_files, generate_from
from mims.aws.locations import Destination, PayloadLocation, payload_location
from mims.aws.models import (
    Model,
    ModelGoneError,
    ModelObject,
    ModelReplacedError,
    ModelUnchangedError,
    newest_etag,
)
from mims.aws.payloads import (
    LocationChangedError,
    Stamp,
    Stored,
    describe,
    find_stored,
    put_payload,
    refuse_foreign,
)
from mims.aws.request import Request
from mims.aws.results import CREATED, SKIPPED, UNCHANGED, UPDATED, Description, Figures, Result
from mims.aws.s3 import S3Session
from mims.errors import ModelChangingError, ModelNotFoundError, StorageError, shown
from mims.inputs.hyperparameters import FILE_NAME
from mims.inputs.model_files import ModelFile
from mims.inputs.model_inputs import ModelInputs
from mims.settings import GivenSettings
from mims.version import VERSION

ROUNDS = 5


class _Made(NamedTuple):
    """A payload, and the version of the model that it was made from."""

    payload: Payload
    etag: str
    version_id: Optional[str]


def reconcile(
    session: S3Session, request: Request, given: GivenSettings, destination: Destination
) -> Result:
    """Bring the payload of the request's model up to date, and return the result.

    Raises
    ------
    ModelChangingError
        The model or the payload was replaced by others in each of five rounds.
    PayloadError
        Another of its classes, for any other error.
    """
    location = payload_location(request, destination)
    source = model_object(request, destination)
    digest = settings_digest(given, destination)
    made: Optional[_Made] = None
    for round_number in range(ROUNDS):
        session.restarts = round_number
        # 1. Which payload is there, and what was it made from?
        stored = find_stored(session, location)
        current = None if request.force else _current_stamp(stored, digest)
        try:
            # 2. Open the newest model, unless the payload was made from it.
            opened = _open_newest(session, source, current, made)
            session.model_etag = opened.etag
            if stored and not request.replace_foreign:
                refuse_foreign(session, location, stored)
            # 3. Read on in this one version of it, as far as needed.
            made = opened if isinstance(opened, _Made) else _make(session, opened, request, given)
        except ModelUnchangedError as unchanged:
            return _unchanged(session, request, given, location, stored, unchanged.version_id)
        except (ModelReplacedError, LocationChangedError):
            continue
        except ModelGoneError:
            return _gone(session, request)
        # 4. Write, unless another writer has written since step 1.
        if not _put(session, location, made.payload, Stamp(made.etag, digest), stored):
            continue
        # 5. Is it still the newest model?
        newest = newest_etag(session, source)
        if newest not in (made.etag, None):
            continue
        status = UPDATED if stored else CREATED
        return _written(session, request, location, status, made, newest is None)
    raise ModelChangingError(
        f"The model '{shown(request.model_s3_uri)}', or its payload, was replaced in each of "
        f"{ROUNDS} rounds. Start the run again when the uploads have stopped."
    )


def settings_digest(given: GivenSettings, destination: Destination) -> str:
    """Return a digest of all that a payload depends on but its model, and of its encryption."""
    return given.sha256(VERSION, destination.kms_key_id)


def model_object(request: Request, destination: Destination) -> ModelObject:
    """Return the object to read: the archive, or the file of an uncompressed model."""
    key = request.key + FILE_NAME if request.uncompressed else request.key
    return ModelObject(request.bucket, key, request.version_id, destination.model_owner)


def skipped(session: S3Session, request: Request, reason: str) -> Result:
    """Return the result for an event that asks for no payload."""
    return Result(
        SKIPPED,
        request.model_s3_uri,
        reason=reason,
        figures=_figures(session),
        warnings=request.warnings,
    )


def _current_stamp(stored: Optional[Stored], digest: str) -> Optional[Stamp]:
    """Return the stamp of a payload with these settings that has all that a result reports."""
    if stored is None or stored.stamp is None or stored.description is None:
        return None
    return stored.stamp if stored.stamp.settings_sha256 == digest else None


def _open_newest(
    session: S3Session, source: ModelObject, current: Optional[Stamp], made: Optional[_Made]
) -> Union[Model, _Made]:
    """Open the newest model; or return what an earlier round made, if it was made from that model.

    Raises
    ------
    ModelUnchangedError
        The stored payload, whose stamp is `current`, was made from it.
    """
    known_etag = current.model_etag if current else made.etag if made else ""
    try:
        with session.reading():
            model = Model(session, source, known_etag)
    except ModelUnchangedError:
        if current or made is None:
            raise
        return made
    return made if made and made.etag == model.etag else model


def _make(session: S3Session, model: Model, request: Request, given: GivenSettings) -> _Made:
    return _Made(_generate(session, model, request, given), model.etag, model.version_id)


def _generate(session: S3Session, model: Model, request: Request, given: GivenSettings) -> Payload:
    with session.reading():
        inputs = _find_inputs(session, model, request, given)
    return generate_from(inputs, given, session.check_deadline)


def _find_inputs(
    session: S3Session, model: Model, request: Request, given: GivenSettings
) -> ModelInputs:
    if not request.uncompressed:
        return find_inputs(model, given, session.check_deadline)
    file = ModelFile(
        FILE_NAME,
        regular=True,
        size=model.size,
        modified=model.modified,
        head=lambda _size: b"",
        chunks=lambda: iter(model),
    )
    return find_inputs_in_files([file], given, session.check_deadline)


def _put(
    session: S3Session,
    location: PayloadLocation,
    payload: Payload,
    stamp: Stamp,
    stored: Optional[Stored],
) -> bool:
    """Store the payload; say whether it is there, even if S3's answer was lost."""
    try:
        put_payload(session, location, payload, stamp, stored)
    except StorageError:
        # It may have been written all the same; what was there before must not be mistaken for it.
        if (stored and stored.stamp == stamp) or not _carries(session, location, stamp):
            raise
    except LocationChangedError:
        # By another run's payload; or by this run's own, if the SDK repeated a call whose answer
        # was lost.
        return _carries(session, location, stamp)
    return True


def _carries(session: S3Session, location: PayloadLocation, stamp: Stamp) -> bool:
    stored = find_stored(session, location)
    return stored is not None and stored.stamp == stamp


def _written(
    session: S3Session,
    request: Request,
    location: PayloadLocation,
    status: str,
    made: _Made,
    gone: bool,
) -> Result:
    warning = "The model was deleted while its payload was made; the payload stays."
    return Result(
        status,
        request.model_s3_uri,
        model_etag=made.etag,
        model_version_id=made.version_id,
        payload_bucket=location.bucket,
        payload_key=location.key,
        payload=describe(made.payload),
        figures=_figures(session),
        warnings=(*request.warnings, *made.payload.settings_warnings, *([warning] if gone else [])),
    )


def _unchanged(
    session: S3Session,
    request: Request,
    given: GivenSettings,
    location: PayloadLocation,
    stored: Optional[Stored],
    version_id: Optional[str],
) -> Result:
    return Result(
        UNCHANGED,
        request.model_s3_uri,
        model_etag=stored.stamp.model_etag if stored and stored.stamp else None,
        # S3 need not name the version when it answers 304.
        model_version_id=version_id or request.version_id,
        payload_bucket=location.bucket,
        payload_key=location.key,
        payload=(stored.description if stored else None) or Description(),
        figures=_figures(session),
        warnings=(*request.warnings, *given.warnings),
    )


def _gone(session: S3Session, request: Request) -> Result:
    if request.notified:
        missing = f", or has no {FILE_NAME} directly under it" if request.uncompressed else ""
        return skipped(session, request, f"the model is gone{missing}")
    raise ModelNotFoundError(
        f"There is no model at '{shown(request.model_s3_uri)}'"
        + (f" in version '{shown(request.version_id)}'" if request.version_id else "")
        + (f" with a {FILE_NAME} directly under it" if request.uncompressed else "")
        + ". Correct the request, or start it again when the model is there."
    )


def _figures(session: S3Session) -> Figures:
    return Figures(session.bytes_read, session.requests, session.resumes, session.restarts)
