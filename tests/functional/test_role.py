"""The function's role allows what it needs, and little else: moto checks calls to S3 against it."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator

import app
import boto3
import pytest
from botocore.exceptions import ClientError
from mims.aws import s3
from mims.errors import AccessDeniedError
from moto import mock_aws
from moto.core import set_initial_no_auth_action_count

from tests.archives import packed
from tests.functional.events import BUCKET, FOLDER, event
from tests.template.stack import SMALLEST, resolved, statements

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIXED = {"ModelPrefix": "training/", "PayloadBucketName": "payloads", "PayloadPrefix": "samples"}


def archive() -> bytes:
    content = json.dumps({"tab_field_list": ["age"], "cat_field_list": []}).encode()
    return packed(("hyperparameters.json", content))


def client_in_role(**parameters: str) -> S3Client:
    """Return a client with the permissions that the function has in a stack of these parameters."""
    template = resolved(**{**SMALLEST, **parameters})
    # The other statements have references to resources of the stack, which moto does not know.
    on_s3 = [
        statement
        for statement in statements(template, "FunctionRole").values()
        if "s3:" in str(statement["Action"])
    ]
    iam = boto3.client("iam")
    trust = template["Resources"]["FunctionRole"]["Properties"]["AssumeRolePolicyDocument"]
    arn = iam.create_role(RoleName="function", AssumeRolePolicyDocument=json.dumps(trust))["Role"][
        "Arn"
    ]
    iam.put_role_policy(
        RoleName="function",
        PolicyName="payload",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": on_s3}),
    )
    session = boto3.client("sts").assume_role(RoleArn=arn, RoleSessionName="function")
    credentials = session["Credentials"]
    client: S3Client = boto3.client(
        "s3",
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )
    return client


def with_permissions(call: Callable[..., Any], **arguments: Any) -> Any:
    """Make a call in which moto checks the permissions of each request's role."""
    return set_initial_no_auth_action_count(0)(call)(**arguments)


@pytest.fixture
def models() -> Iterator[S3Client]:
    """A client that may do everything, and two buckets, one with models."""
    with mock_aws():
        client = boto3.client("s3")
        for bucket in ("models", "payloads"):
            client.create_bucket(Bucket=bucket)
        for key in ("churn/model.tar.gz", "training/churn/model.tar.gz", "training/model.tar.gz"):
            client.put_object(Bucket="models", Key=key, Body=archive())
        client.put_object(
            Bucket="models",
            Key="training/churn/model/hyperparameters.json",
            Body=b'{"tab_field_list": ["age"], "cat_field_list": []}',
        )
        yield client


@pytest.mark.parametrize(
    ("parameters", "request_", "payload"),
    [
        ({}, "s3://models/churn/model.tar.gz", "s3://models/churn/payload/payload.tar.gz"),
        (
            {"ModelPrefix": "training/"},
            "s3://models/training/model.tar.gz",
            "s3://models/training/payload/payload.tar.gz",
        ),
        (
            PREFIXED,
            "s3://models/training/churn/model.tar.gz",
            "s3://payloads/samples/models/training/churn/payload/payload.tar.gz",
        ),
        (
            PREFIXED,
            "s3://models/training/churn/model/",
            "s3://payloads/samples/models/training/churn/payload/payload.tar.gz",
        ),
    ],
)
def test_the_role_suffices_to_make_and_to_renew_a_payload(
    models: S3Client,
    monkeypatch: pytest.MonkeyPatch,
    parameters: Dict[str, str],
    request_: str,
    payload: str,
) -> None:
    for variable, parameter in [
        ("PAYLOAD_BUCKET", "PayloadBucketName"),
        ("PAYLOAD_PREFIX", "PayloadPrefix"),
    ]:
        monkeypatch.setenv(variable, parameters.get(parameter, ""))
    client = client_in_role(**parameters)
    monkeypatch.setattr(s3, "client", lambda: client)
    answers = [
        with_permissions(
            app.lambda_handler, event={"model_s3_uri": request_, **extra}, context=None
        )
        for extra in ({}, {}, {"force": True})
    ]
    assert [answer["status"] for answer in answers] == ["created", "unchanged", "updated"]
    assert {answer["payload_s3_uri"] for answer in answers} == {payload}


def test_the_role_may_write_to_the_locations_in_the_examples() -> None:
    template = resolved(**{**SMALLEST, "ModelBucketName": BUCKET})
    allowed = statements(template, "FunctionRole")["WritePayloads"]["Resource"]
    examples = [event(file.stem) for file in FOLDER.glob("request*.json")]
    named = [example["payload_s3_uri"] for example in examples if "payload_s3_uri" in example]
    assert named
    for uri in named:
        assert fnmatchcase(uri.replace("s3://", "arn:aws:s3:::"), allowed)


@pytest.mark.parametrize(
    "request_",
    [
        {"model_s3_uri": "s3://models/churn/model.tar.gz"},
        {"model_s3_uri": "s3://other/training/model.tar.gz"},
        {
            "model_s3_uri": "s3://models/training/model.tar.gz",
            "payload_s3_uri": "s3://models/training/payload/payload.tar.gz",
        },
        {
            "model_s3_uri": "s3://models/training/model.tar.gz",
            "payload_s3_uri": "s3://payloads/elsewhere/payload.tar.gz",
        },
    ],
)
def test_the_role_keeps_a_request_to_the_models_and_payloads_of_its_stack(
    models: S3Client, monkeypatch: pytest.MonkeyPatch, request_: Dict[str, str]
) -> None:
    models.create_bucket(Bucket="other")
    models.put_object(Bucket="other", Key="training/model.tar.gz", Body=archive())
    client = client_in_role(**PREFIXED)
    monkeypatch.setattr(s3, "client", lambda: client)
    with pytest.raises(AccessDeniedError):
        with_permissions(app.lambda_handler, event=request_, context=None)


@pytest.mark.parametrize(
    ("parameters", "bucket", "folder"),
    [
        ({}, "models", "churn/payload"),
        ({}, "models", "mims-load-test/churn/payload"),
        (PREFIXED, "payloads", "samples/models/training/churn/payload"),
        (PREFIXED, "payloads", "samples/models/training/mims-load-test/x/payload"),
    ],
)
def test_the_role_may_read_the_object_at_a_payloads_location(
    models: S3Client, parameters: Dict[str, str], bucket: str, folder: str
) -> None:
    models.put_object(Bucket=bucket, Key=f"{folder}/payload.tar.gz", Body=b"whose?")
    client = client_in_role(**parameters)
    there = {"Bucket": bucket, "Key": f"{folder}/payload.tar.gz"}
    assert with_permissions(client.head_object, **there)["ContentLength"] == 6
    assert with_permissions(client.get_object, **there)["Body"].read() == b"whose?"


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("put_object", {"Bucket": "models", "Key": "churn/model.tar.gz"}),
        ("put_object", {"Bucket": "models", "Key": "churn/other.tar.gz"}),
        ("put_object", {"Bucket": "models", "Key": "payload.tar.gz"}),
        ("delete_object", {"Bucket": "models", "Key": "churn/model.tar.gz"}),
        ("delete_object", {"Bucket": "models", "Key": "churn/payload/payload.tar.gz"}),
        ("get_object", {"Bucket": "payloads", "Key": "x"}),
        ("get_object", {"Bucket": "payloads", "Key": "models/churn/payload/payload.tar.gz"}),
    ],
)
def test_the_role_can_neither_replace_nor_delete_a_model(
    models: S3Client, operation: str, arguments: Dict[str, str]
) -> None:
    client = client_in_role()
    with pytest.raises(ClientError, match="AccessDenied"):
        with_permissions(getattr(client, operation), **arguments)
    assert models.head_object(Bucket="models", Key="churn/model.tar.gz")
