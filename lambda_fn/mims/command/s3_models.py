"""A model in S3 → its input fields, read as the function reads it."""

from __future__ import annotations

import time

from mims import find_inputs, find_inputs_in_files
from mims.command.progress import CountedChunks, Reading
from mims.errors import (
    AccessDeniedError,
    InvalidRequestError,
    ModelChangingError,
    ModelNotFoundError,
    shown,
)
from mims.inputs.hyperparameters import FILE_NAME
from mims.inputs.model_files import ModelFile
from mims.inputs.model_inputs import ModelInputs
from mims.settings import GivenSettings

_SECONDS = 30 * 24 * 3600.0  # as good as no deadline


def find_inputs_in_s3(uri: str, given: GivenSettings, reading: Reading) -> ModelInputs:
    """Return the inputs of the archive at an S3 URI.

    Of one that ends in `/`, an uncompressed model, the `hyperparameters.json` alone is read.

    Raises
    ------
    InvalidRequestError
        boto3 cannot be imported, or the URI is invalid.
    PayloadError
        S3 refuses or fails, or the model tells no fields.
    """
    try:
        from botocore.exceptions import BotoCoreError

        from mims.aws import models, s3
        from mims.aws.request import split_s3_uri
    except ImportError:
        raise InvalidRequestError(
            f"Reading '{shown(uri)}' needs boto3, which is not installed. Install it (pip install "
            f"boto3), or use the AWS CLI: aws s3 cp '{shown(uri)}' - | mims-payload -"
        ) from None
    bucket, key = split_s3_uri(uri, "MODEL")
    uncompressed = key.endswith("/")
    try:
        session = s3.S3Session(s3.client(), time.monotonic() + _SECONDS)
    except BotoCoreError as error:
        raise AccessDeniedError(
            f"AWS is not set up here ({type(error).__name__}: {shown(error)}). Set up a profile or "
            "credentials, as for the AWS CLI."
        ) from None
    source = models.ModelObject(bucket, key + FILE_NAME if uncompressed else key)
    try:
        model = models.Model(session, source)
        if uncompressed:
            file = ModelFile(
                FILE_NAME,
                True,
                model.size,
                model.modified,
                lambda size: b"".join(model)[:size],
                lambda: reading.counted(model, model.size),
            )
            return find_inputs_in_files([file], given)
        return find_inputs(CountedChunks(reading, lambda: model, model.size), given)
    except models.ModelGoneError:
        where = f" with a {FILE_NAME} directly under it" if uncompressed else ""
        raise ModelNotFoundError(
            f"There is no model at '{shown(uri)}'{where}. Correct the URI."
        ) from None
    except models.ModelReplacedError:
        raise ModelChangingError(
            f"The model '{shown(uri)}' was replaced while it was read. Start again."
        ) from None
