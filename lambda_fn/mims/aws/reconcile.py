"""A model → its payload in S3, brought up to date with the newest model.

Events come twice, late and out of order, and runs overlap. So an event only says which key to look
at, and a run looks at the model once more after it has written: whoever writes last does, so when
all is quiet the payload belongs to the newest model. There is no lock and no table.
"""

from __future__ import annotations

import time
from typing import Any, Dict, Optional

from mims import Payload, find_inputs, find_inputs_in_files, generate_from
from mims.aws.events import Request
from mims.aws.models import (
    Model,
    ModelGoneError,
    ModelObject,
    ModelReplacedError,
    ModelUnchangedError,
    newest_etag,
)
from mims.aws.payloads import (
    Destination,
    PayloadObject,
    Stamp,
    Stored,
    find_stored,
    payload_object,
    put_payload,
)
from mims.aws.s3 import Run
from mims.errors import ModelChangingError, ModelNotFoundError, StorageError, shown
from mims.inputs.hyperparameters import FILE_NAME
from mims.inputs.model_files import ModelFile
from mims.settings import GivenSettings
from mims.version import VERSION

ROUNDS = 5
CREATED, UPDATED, UNCHANGED, SKIPPED = "created", "updated", "unchanged", "skipped"


def reconcile(
    run: Run, request: Request, given: GivenSettings, destination: Destination
) -> Dict[str, Any]:
    """Bring the payload of the request's model up to date, and return the result.

    Raises
    ------
    ModelChangingError
        Model or payload were replaced under the run's hands in each of five rounds.
    PayloadError
        One of its other classes, for whatever else is wrong.
    """
    place = payload_object(request, destination)
    source = model_object(request, destination)
    digest = given.sha256(VERSION)
    for round_number in range(ROUNDS):
        run.restarts = round_number
        # 1. Which payload is there, and what was it made from?
        stored = find_stored(run, place)
        current = stored is not None and stored.stamp.settings_sha256 == digest
        known_etag = stored.stamp.model_etag if stored and current and not request.force else ""
        try:
            # 2. Open the newest model, unless it is the one that the payload was made from.
            model = Model(run, source, known_etag)
            # 3. Read on, as far as need be, in this one version of it.
            payload = _generate(run, model, request, given)
        except ModelUnchangedError as unchanged:
            result = _result(run, request, place, known_etag, unchanged.version_id)
            return {**result, "status": UNCHANGED, "field_count": stored and stored.field_count}
        except ModelReplacedError:
            continue
        except ModelGoneError:
            return _gone(run, request)
        # 4. Write, unless somebody else has written since 1.
        if not _put(run, place, payload, Stamp(model.etag, digest), stored):
            continue
        # 5. Is it still the newest model?
        newest = newest_etag(run, source)
        if newest not in (model.etag, None):
            continue
        result = _result(run, request, place, model.etag, model.version_id)
        warnings = [*request.warnings, *payload.all_warnings]
        if newest is None:
            warnings.append("The model was deleted while its payload was made; the payload stays.")
        return {
            **result,
            "status": UPDATED if stored else CREATED,
            "field_count": payload.field_count,
            "sample_count": payload.sample_count,
            "content_types": list(payload.content_types),
            "fields_from": payload.fields_from._asdict(),
            "family": payload.family,
            "recipe": payload.recipe,
            "warnings": warnings,
        }
    raise ModelChangingError(
        f"The model '{shown(request.model_s3_uri)}', or its payload, was replaced in each of "
        f"{ROUNDS} rounds. Start the run again when its uploads have calmed down."
    )


def skipped(run: Run, request: Request, reason: str) -> Dict[str, Any]:
    """Return the result for an event that asks for no payload."""
    nothing = dict.fromkeys(
        (
            "model_etag",
            "model_version_id",
            "payload_s3_uri",
            "payload_s3_bucket",
            "payload_s3_key",
            "field_count",
            "sample_count",
        )
    )
    return {
        "status": SKIPPED,
        "reason": reason,
        "model_s3_uri": request.model_s3_uri,
        **nothing,
        "content_types": [],
        "warnings": list(request.warnings),
        **_figures(run),
    }


def model_object(request: Request, destination: Destination) -> ModelObject:
    """Return the object to read: the archive, or the file of an uncompressed model."""
    key = request.key + FILE_NAME if request.uncompressed else request.key
    return ModelObject(request.bucket, key, request.version_id, destination.model_owner)


def _generate(run: Run, model: Model, request: Request, given: GivenSettings) -> Payload:
    started = time.monotonic()
    if request.uncompressed:
        file = ModelFile(
            FILE_NAME,
            True,
            model.size,
            model.modified,
            lambda _size: b"",
            lambda: iter(model),
        )
        inputs = find_inputs_in_files([file], given, run.check_deadline)
    else:
        inputs = find_inputs(model, given, run.check_deadline)
    run.archive_seconds += time.monotonic() - started
    return generate_from(inputs, given, run.check_deadline)


def _put(
    run: Run, place: PayloadObject, payload: Payload, stamp: Stamp, stored: Optional[Stored]
) -> bool:
    """Store the payload; say whether it is there, even where S3's answer got lost on its way."""
    try:
        if put_payload(run, place, payload, stamp, stored):
            return True
    except StorageError:
        # It may have been written all the same, unless what was there before looks just so.
        if (stored and stored.stamp == stamp) or not _carries(run, place, stamp):
            raise
        return True
    # Declined: by another's payload, or by this run's own, where the SDK repeated a call whose
    # answer got lost.
    return _carries(run, place, stamp)


def _carries(run: Run, place: PayloadObject, stamp: Stamp) -> bool:
    stored = find_stored(run, place)
    return stored is not None and stored.stamp == stamp


def _gone(run: Run, request: Request) -> Dict[str, Any]:
    if request.notified:
        return skipped(run, request, "the model is gone")
    raise ModelNotFoundError(
        f"There is no model at '{shown(request.model_s3_uri)}'"
        + (f" in version '{shown(request.version_id)}'" if request.version_id else "")
        + (f" with a {FILE_NAME} directly under it" if request.uncompressed else "")
        + ". Correct the request, or start it again when the model is there."
    )


def _result(
    run: Run,
    request: Request,
    place: PayloadObject,
    etag: str,
    version_id: Optional[str],
) -> Dict[str, Any]:
    return {
        "model_s3_uri": request.model_s3_uri,
        "model_etag": etag,
        "model_version_id": version_id,
        "payload_s3_uri": f"s3://{place.bucket}/{place.key}",
        "payload_s3_bucket": place.bucket,
        "payload_s3_key": place.key,
        "content_types": [],
        "sample_count": None,
        "warnings": list(request.warnings),
        **_figures(run),
    }


def _figures(run: Run) -> Dict[str, int]:
    return {
        "bytes_read": run.bytes_read,
        "requests": run.requests,
        "resumes": run.resumes,
        "restarts": run.restarts,
    }
