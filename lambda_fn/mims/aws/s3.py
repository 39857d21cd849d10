"""S3 as one run calls it: calls counted, inside the run's deadline, failures put into words.

Here, and only here, do S3's and the SDK's errors become those of this project.
"""

from __future__ import annotations

import functools
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointProviderError,
    NoCredentialsError,
    ParamValidationError,
)

from mims.errors import (
    AccessDeniedError,
    DeadlineExceededError,
    InvalidRequestError,
    ModelArchivedError,
    ModelNotFoundError,
    PayloadError,
    StorageError,
    shown,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CONFIG = Config(
    # A connection within S3's region is made in milliseconds; 3 s outlast a lost SYN packet's first
    # repetition (1 s) and its second.
    connect_timeout=3,
    # S3 answers, or sends on, within a second or two. A read that hangs longer is dead, and an
    # attempt that began at the deadline must end, its connection made, within the 10 s that are
    # left then before the function is stopped.
    read_timeout=6,
    # `total_max_attempts` counts the first attempt too, `max_attempts` would not. Three more, with
    # the standard mode's jittered back-off, ride out a throttled prefix; what lasts longer is for
    # whoever started the run to retry.
    retries={"mode": "standard", "total_max_attempts": 4},
    # S3's checksums over whole objects cannot be checked on a stream that is left early; gzip has
    # its own. Uploads carry a SHA-256 that is given with the call.
    response_checksum_validation="when_required",
    request_checksum_calculation="when_required",
    tcp_keepalive=True,
)
_ACTIONS = {
    "head_object": "s3:GetObject",
    "get_object": "s3:GetObject",
    "put_object": "s3:PutObject",
}


# The key is disabled, deleted or of another kind. KMS's other errors are passing ones.
_KMS_REFUSALS = (
    "KMS.DisabledException",
    "KMS.InvalidKeyUsageException",
    "KMS.KMSInvalidStateException",
    "KMS.NotFoundException",
)


@functools.lru_cache(maxsize=1)
def client() -> S3Client:
    """Return the process's one S3 client, made at the first call and kept between invocations."""
    made: S3Client = boto3.client("s3", config=_CONFIG)
    made.meta.events.register_first("before-send.s3", _check_attempt)
    return made


# The run whose call this thread makes.
_calling = threading.local()


def _check_attempt(**_: Any) -> None:
    """Keep the SDK from attempting a call once more when the run's time is up."""
    run: Optional[Run] = getattr(_calling, "run", None)
    if run is not None:
        run.check_deadline()


class Declined(Exception):
    """S3 answered with a status that the call's maker is prepared for."""

    def __init__(self, status: int, code: str, headers: Dict[str, str]) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.headers = headers


@dataclass
class Run:
    """One run's clock and figures; `deadline` is a time of `time.monotonic`."""

    client: S3Client
    deadline: float
    requests: int = 0
    resumes: int = 0
    restarts: int = 0
    bytes_read: int = 0
    archive_seconds: float = 0.0

    def seconds_left(self) -> float:
        return self.deadline - time.monotonic()

    def check_deadline(self) -> None:
        if self.seconds_left() <= 0:
            raise DeadlineExceededError(
                f"The function's time is nearly up; {self.bytes_read:,} bytes of the model were "
                "read so far. Raise the function's time-out or memory, or pack "
                "hyperparameters.json first."
            )

    def call(self, operation: str, expected: Tuple[int, ...] = (), **parameters: Any) -> Any:
        """Call S3 and return its answer.

        `requests` counts the attempts that the SDK itself repeats, too.

        Raises
        ------
        Declined
            The answer's status is one of `expected`.
        PayloadError
            The call failed in another way.
        """
        self.check_deadline()
        _calling.run = self
        try:
            answer = getattr(self.client, operation)(**parameters)
        except ClientError as error:
            metadata = error.response.get("ResponseMetadata", {})
            self.requests += 1 + metadata.get("RetryAttempts", 0)
            status = metadata.get("HTTPStatusCode", 0)
            code = str(error.response.get("Error", {}).get("Code", ""))
            if status in expected:
                raise Declined(status, code, metadata.get("HTTPHeaders", {})) from None
            raise _refused(operation, parameters, status, code) from error
        except BotoCoreError as error:
            self.requests += 1
            raise _unreached(operation, parameters, error) from error
        finally:
            _calling.run = None
        self.requests += 1 + answer["ResponseMetadata"].get("RetryAttempts", 0)
        return answer


def _refused(operation: str, parameters: Dict[str, Any], status: int, code: str) -> PayloadError:
    where = _where(parameters)
    action = _ACTIONS[operation]
    if "VersionId" in parameters:
        action = "s3:GetObjectVersion"
    if code == "InvalidObjectState":
        return ModelArchivedError(
            f"{where} lies in an archive storage class. Restore it, then start the run again."
        )
    if status in (404, 405) or (status == 400 and "VersionId" in parameters):
        return ModelNotFoundError(f"There is no {where}. Correct the key or the version.")
    if status == 403 or code in _KMS_REFUSALS:
        return AccessDeniedError(
            f"S3 refused {action} on {where} ({code or status}). Allow it in the function's role, "
            "the bucket's policy and, for an encrypted object, its key's (kms:Decrypt to read, "
            "kms:GenerateDataKey to write); check that key and the bucket's owner are those "
            "expected. Without s3:ListBucket on the bucket S3 refuses what does not exist, too."
        )
    if code in ("KeyTooLongError", "InvalidBucketName", "InvalidURI"):
        return InvalidRequestError(f"{where} is no name that S3 takes ({code}). Correct it.")
    return StorageError(
        f"S3 failed at {action} on {where} ({status} {code}), after all retries. Try again later."
    )


def _unreached(operation: str, parameters: Dict[str, Any], error: BotoCoreError) -> PayloadError:
    where = _where(parameters)
    if isinstance(error, (ParamValidationError, EndpointProviderError)):
        return InvalidRequestError(f"{where} is no name that S3 takes. Correct bucket and key.")
    if isinstance(error, NoCredentialsError):
        return AccessDeniedError(
            f"There are no credentials for {_ACTIONS[operation]} on {where}. Give the function a "
            "role."
        )
    return StorageError(
        f"S3 could not be reached for {_ACTIONS[operation]} on {where} ({type(error).__name__}), "
        "after all retries. Try again later."
    )


def _where(parameters: Dict[str, Any]) -> str:
    version = parameters.get("VersionId")
    uri = f"s3://{parameters['Bucket']}/{parameters['Key']}"
    return f"'{shown(uri)}'" + (f" in version '{shown(version)}'" if version else "")
