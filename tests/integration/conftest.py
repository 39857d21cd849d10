"""One real S3 server for all tests, and a separate prefix for each."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Iterator

import pytest

from local.s3_server import S3Server, running_s3_server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "models"


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    with running_s3_server() as server:
        server.client().create_bucket(Bucket=BUCKET)
        yield server


@pytest.fixture(scope="session")
def s3(s3_server: S3Server) -> S3Client:
    """A client that talks to the server directly, without a proxy."""
    return s3_server.client()


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> str:
    """A prefix in the bucket for this test only."""
    name = re.sub(r"\W+", "-", request.node.name).strip("-")
    return f"{name}-{uuid.uuid4().hex[:8]}"
