"""Calls to S3 on behalf of one request: counted, within the deadline, with errors explained.

Only here are errors of S3 and the SDK turned into those of this project.
"""

from __future__ import annotations

import functools
import random
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Dict, Iterator, Optional, Tuple

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointProviderError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from mims.errors import (
    AccessDeniedError,
    DeadlineExceededError,
    InvalidRequestError,
    ModelArchivedError,
    ModelNotFoundError,
    PayloadError,
    RefusedError,
    StorageError,
    shown,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CONFIG = Config(
    # A connection within S3's region is made in milliseconds; 3 s are enough for a lost SYN packet
    # to be sent again, after 1 s, and once more.
    connect_timeout=3,
    # S3 answers, or sends more, within a second or two. A read that hangs longer is dead; and an
    # attempt that begins at the deadline must end, connecting included, within the 10 s that are
    # left before the function is stopped.
    read_timeout=6,
    # `total_max_attempts` counts the first attempt too; `max_attempts` would not. Three more, with
    # the standard mode's jittered back-off, are enough for a throttled prefix; what lasts longer is
    # for the caller to retry.
    retries={"mode": "standard", "total_max_attempts": 4},
    # S3's checksums are of whole objects, and cannot be checked on a stream that is not read to its
    # end; gzip has its own. Uploads have a SHA-256, which is given with the call.
    response_checksum_validation="when_required",
    request_checksum_calculation="when_required",
    tcp_keepalive=True,
)
_ACTIONS = {
    "head_object": "s3:GetObject",
    "get_object": "s3:GetObject",
    "put_object": "s3:PutObject",
}

# The key is disabled, deleted or of another kind.
# https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKey.html#API_GenerateDataKey_Errors
_KMS_REFUSALS = (
    "KMS.DisabledException",
    "KMS.InvalidKeyUsageException",
    "KMS.KMSInvalidStateException",
    "KMS.NotFoundException",
)
# Errors that pass, though S3 refused the call: a wrong clock, a token that has expired, a body that
# arrived damaged or late, KMS under load.
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_TRANSIENT_STATUSES = (0, 408, 409, 429)
_EXPIRED_CODES = ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired")
_TRANSIENT_CODES = (
    *_EXPIRED_CODES,
    "KMS.DependencyTimeoutException",
    "KMS.KMSInternalException",
    "KMS.KeyUnavailableException",
    "KMS.LimitExceededException",
    "KMS.ThrottlingException",
    "RequestTimeTooSkewed",
    "RequestExpired",
    "RequestTimeout",
    "IncompleteBody",
    "BadDigest",
    "XAmzContentSHA256Mismatch",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
)
# The caller has no credentials, or has to sign in again: another attempt would not help.
_NOT_SIGNED_IN = (NoCredentialsError, PartialCredentialsError, SSOError, TokenRetrievalError)
_UNSUPPORTED = (
    "Objects encrypted with a customer-provided key (SSE-C), and buckets for which the requester "
    "pays, are not supported"
)
# A pause between attempts is random, in seconds: up to twice this, four times this, ….
_BACKOFF, _MAX_BACKOFF = 0.1, 3.0


@functools.lru_cache(maxsize=1)
def client() -> S3Client:
    """Return the process's only S3 client, made on first use and kept between invocations."""
    made: S3Client = boto3.client("s3", config=_CONFIG)
    made.meta.events.register_first("before-send.s3", begin_attempt)
    return made


# Its attribute `session` is the session whose call this thread is making.
_calling = threading.local()


def begin_attempt(**_: Any) -> None:
    """Count an attempt of the SDK's at a call, or stop it when the session's time is up.

    Only the SDK's events report all attempts: also those at a call that fails in the end, and the
    requests by which the SDK asks for a bucket's region.
    """
    session: Optional[S3Session] = getattr(_calling, "session", None)
    if session is not None:
        session.check_deadline()
        session.requests += 1


class ExpectedStatusError(Exception):
    """S3 answered with an error status that the caller expects."""

    def __init__(self, status: int, code: str, headers: Dict[str, str]) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.headers = headers


@dataclass
class S3Session:
    """The calls to S3 for one request, with its deadline, its figures and the model that it reads.

    Attributes
    ----------
    deadline
        In terms of `time.monotonic`.
    model_etag
        That of the version opened last; `None` before the first.
    """

    client: S3Client
    deadline: float
    requests: int = 0
    resumes: int = 0
    restarts: int = 0
    bytes_read: int = 0
    archive_seconds: float = 0.0
    model_etag: Optional[str] = None

    def seconds_left(self) -> float:
        return self.deadline - time.monotonic()

    def check_deadline(self) -> None:
        if self.seconds_left() <= 0:
            raise DeadlineExceededError(
                f"The function's time is nearly up; {self.bytes_read:,} bytes of the model were "
                "read so far. Raise the function's time-out or memory, or pack "
                "hyperparameters.json first."
            )

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Count the time spent in the block as reading the model, even if it raises."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.archive_seconds += time.monotonic() - started

    def backoff(self, failures: int) -> float:
        """Return how many seconds to wait after so many failures, but not past the deadline."""
        pause = random.uniform(0, min(_MAX_BACKOFF, _BACKOFF * 2**failures))
        return max(0.0, min(pause, self.seconds_left()))

    def call(self, operation: str, expected: Tuple[int, ...] = (), **parameters: Any) -> Any:
        """Call S3 and return its answer.

        `requests` also counts the attempts that the SDK makes on its own.

        Raises
        ------
        ExpectedStatusError
            The answer's status is one of `expected`.
        PayloadError
            The call failed in another way.
        """
        self.check_deadline()
        _calling.session = self
        try:
            answer = getattr(self.client, operation)(**parameters)
        except ClientError as error:
            metadata = error.response.get("ResponseMetadata", {})
            status = metadata.get("HTTPStatusCode", 0)
            code = str(error.response.get("Error", {}).get("Code", ""))
            if status in expected:
                headers = metadata.get("HTTPHeaders", {})
                raise ExpectedStatusError(status, code, headers) from None
            if operation == "head_object" and status in (400, 403):
                code = self._code_of_get(parameters) or code
            raise _refused(operation, parameters, status, code) from error
        except BotoCoreError as error:
            raise _unreached(operation, parameters, error) from error
        except ResponseParserError as error:
            raise _not_of_s3(operation, parameters) from error
        finally:
            _calling.session = None
        if operation == "head_object" and not ("ETag" in answer and "ContentLength" in answer):
            raise _not_of_s3(operation, parameters)
        return answer

    def _code_of_get(self, parameters: Dict[str, Any]) -> str:
        """Return the error code of a GET: the answer to a HEAD has no body that could say it."""
        try:
            self.client.get_object(**parameters, Range="bytes=0-0")["Body"].close()
        except ClientError as error:
            return str(error.response.get("Error", {}).get("Code", ""))
        except (BotoCoreError, ResponseParserError):
            pass
        return ""


def _refused(operation: str, parameters: Dict[str, Any], status: int, code: str) -> PayloadError:
    where = _where(parameters)
    action = _ACTIONS[operation]
    if "VersionId" in parameters:
        action = "s3:GetObjectVersion"
    if code == "InvalidObjectState":
        return ModelArchivedError(
            f"{where} is in an archive storage class. Restore it, then start the run again."
        )
    if status in _TRANSIENT_STATUSES or status >= 500 or code in _TRANSIENT_CODES:
        own = "; credentials of your own must be renewed first" if code in _EXPIRED_CODES else ""
        return StorageError(
            f"S3 failed at {action} on {where} ({status} {code}), after all retries. Try again "
            f"later{own}."
        )
    if code == "NoSuchBucket":
        return missing_bucket(parameters)
    if operation != "put_object" and (
        status in (404, 405) or (code == "InvalidArgument" and "VersionId" in parameters)
    ):
        return ModelNotFoundError(f"There is no {where}. Correct the key or the version.")
    if status == 403 or code in _KMS_REFUSALS:
        return AccessDeniedError(
            f"S3 refused {action} on {where} ({code or status}). Allow it in the policies of the "
            "caller (the function's role, or your own role or user), in the bucket's policy and, "
            "for an encrypted object, in its key's (kms:Decrypt to read, kms:GenerateDataKey to "
            "write); check that the key and the bucket's owner are the expected ones. Without "
            "s3:ListBucket on the bucket, S3 also refuses access to what does not exist. "
            f"{_UNSUPPORTED}."
        )
    if code in ("KeyTooLongError", "InvalidBucketName", "InvalidURI"):
        return InvalidRequestError(f"S3 does not accept the name {where} ({code}). Correct it.")
    return RefusedError(
        f"S3 refused {action} on {where} ({status} {code}). Trying again cannot help. "
        f"{_UNSUPPORTED}."
    )


def missing_bucket(parameters: Dict[str, Any]) -> ModelNotFoundError:
    """Return the error for a call whose parameters name a bucket that does not exist."""
    return ModelNotFoundError(
        f"There is no {_where(parameters)}: its bucket does not exist. Correct the bucket's name."
    )


def _unreached(operation: str, parameters: Dict[str, Any], error: BotoCoreError) -> PayloadError:
    where = _where(parameters)
    if isinstance(error, (ParamValidationError, EndpointProviderError)):
        return InvalidRequestError(
            f"S3 does not accept the name {where}. Correct the bucket and the key."
        )
    if isinstance(error, _NOT_SIGNED_IN):
        return AccessDeniedError(
            f"There are no credentials for {_ACTIONS[operation]} on {where} "
            f"({type(error).__name__}). Give the function a role; on your own machine sign in, or "
            "set up a profile or credentials, as for the AWS CLI."
        )
    return StorageError(
        f"S3 could not be reached for {_ACTIONS[operation]} on {where} ({type(error).__name__}), "
        "after all retries. Try again later."
    )


def _not_of_s3(operation: str, parameters: Dict[str, Any]) -> StorageError:
    return StorageError(
        f"The answer to {_ACTIONS[operation]} on {_where(parameters)} is not one of S3's; a proxy "
        "may have sent it. Try again later, or check the proxy and the endpoint that the SDK is "
        "configured to use."
    )


def _where(parameters: Dict[str, Any]) -> str:
    version = parameters.get("VersionId")
    uri = f"s3://{parameters['Bucket']}/{parameters['Key']}"
    return f"'{shown(uri)}'" + (f" in version '{shown(version)}'" if version else "")
