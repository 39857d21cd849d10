"""Each committed archive has its dialect and order, and the core reads it."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

import pytest
from mims.inputs.field_lists import listed_fields
from mims.inputs.hyperparameters import parse_hyperparameters

from tests.archives import extract_hyperparameters

HERE = Path(__file__).resolve().parent
NAMES = ["lightgbm", "pytorch", "sklearn", "xgboost"]
BLOCK = 512
GNU_MAGIC, POSIX_MAGIC = b"ustar  \0", b"ustar\x0000"
PAX_HEADER, FOLDER, FILE = b"x", b"5", b"0"
# Field names in the order of the model's inputs.
INPUTS = {
    "lightgbm": [
        "tenure_months",
        "monthly_fee",
        "discount_share",
        "usage.minutes_last_7_days",
        "usage.minutes_last_30_days",
        "usage.n_devices_last_30_days",
        "support.n_tickets_last_90_days",
        "support.hours_to_first_answer",
        "n_failed_payments_last_180_days",
        "plan",
        "billing_period",
        "acquisition_channel",
    ],
    "pytorch": [
        "refund_amount",
        "order_amount",
        "n_messages",
        "n_delivery_events",
        "n_refunds_last_365_days",
        "days_since_order",
        "chat_transcript",
        "delivery_event_history",
    ],
    "sklearn": [
        "invoice_amount",
        "payment_terms_days",
        "n_open_invoices",
        "mean_days_late_last_12_months",
        "credit_limit_used_share",
        "has_direct_debit",
        "customer_segment",
        "Branche des Käufers",
        "currency",
    ],
    "xgboost": [
        "History.orders_by_customer.n_orders_last_365_days",
        "History.orders_by_customer.n_units_last_365_days",
        "History.orders_by_customer.amount_last_365_days",
        "History.returns_by_customer.n_returns_last_30_days",
        "History.returns_by_customer.n_returns_last_365_days",
        "History.returns_by_customer.amount_last_365_days",
        "History.refunds_by_customer.n_refunds_without_return_last_365_days",
        "History.refunds_by_address.n_customers_last_365_days",
        "account_age_days",
        "days_since_delivery",
        "item_price",
        "return_quantity",
        "payment_method",
        "item_category",
        "return_reason",
        "shipment_status",
    ],
}


class Header(NamedTuple):
    """A tar header as it is in the file, and the bytes that follow it."""

    name: bytes
    kind: bytes
    magic: bytes
    content: bytes


def compressed(name: str) -> bytes:
    return (HERE / "archives" / name / "model.tar.gz").read_bytes()


def headers(name: str) -> List[Header]:
    """Read an archive block by block, so that no library hides how a name is spelt."""
    tar = gzip.decompress(compressed(name))
    found = []
    position = 0
    while tar[position] != 0:
        block = tar[position : position + BLOCK]
        size = int(block[124:136].rstrip(b"\0 "), 8)
        content = tar[position + BLOCK : position + BLOCK + size]
        found.append(Header(block[:100].rstrip(b"\0"), block[156:157], block[257:265], content))
        position += BLOCK + -(-size // BLOCK) * BLOCK
    return found


def member_names(name: str) -> List[bytes]:
    return [header.name for header in headers(name) if header.kind != PAX_HEADER]


def hyperparameters(name: str) -> Dict[str, Any]:
    """Read the root file with Python's tarfile, not by the project's own reader."""
    with tarfile.open(fileobj=io.BytesIO(compressed(name))) as tar:
        member = "./hyperparameters.json" if name == "xgboost" else "hyperparameters.json"
        file = tar.extractfile(member)
        assert file is not None
        values: Dict[str, Any] = json.load(file)
        return values


def test_the_archives_are_these_and_are_small() -> None:
    found = {path.parent.name: path.stat().st_size for path in HERE.glob("archives/*/model.tar.gz")}
    assert sorted(found) == NAMES
    assert max(found.values()) < 40_000
    assert sum(found.values()) < 200_000


def test_xgboost_is_gnu_tar_of_the_folder_itself() -> None:
    assert {header.magic for header in headers("xgboost")} == {GNU_MAGIC}
    names = member_names("xgboost")
    assert names[0] == b"./"
    assert all(name.startswith(b"./") for name in names)
    assert names.index(b"./checkpoints/xgboost-checkpoint.7.ubj") < names.index(
        b"./hyperparameters.json"
    )
    assert compressed("xgboost")[3:8] == bytes(5), "gzip without a name or a time"


def test_lightgbm_is_old_python_with_the_model_before_the_hyperparameters() -> None:
    found = headers("lightgbm")
    assert {header.magic for header in found} == {GNU_MAGIC}
    assert {header.kind for header in found} == {FILE, FOLDER}
    names = member_names("lightgbm")
    assert not [name for name in names if name.startswith((b".", b"/"))]
    assert names.index(b"lightgbm_model.txt") < names.index(b"hyperparameters.json")


def test_sklearn_is_an_sdk_repack_with_a_nameless_root_and_code_first() -> None:
    found = headers("sklearn")
    assert {header.magic for header in found} == {POSIX_MAGIC}
    assert [header.kind for header in found[::2]] == [PAX_HEADER] * (len(found) // 2)
    assert (found[1].name, found[1].kind) == (b"/", FOLDER)
    with tarfile.open(fileobj=io.BytesIO(compressed("sklearn"))) as tar:
        names = tar.getnames()
    assert names[:2] == ["", "code"]
    assert (
        names.index("code/hyperparameters.json")
        < names.index("code/inference.py")
        < names.index("hyperparameters.json")
        < names.index("model.joblib")
    )
    assert compressed("sklearn")[10:25] == b"temp-model.tar\0", "the name that gzip keeps"


def test_pytorch_is_pax_with_a_long_name_and_fractional_times() -> None:
    found = headers("pytorch")
    assert {header.magic for header in found} == {POSIX_MAGIC}
    records = [header.content for header in found if header.kind == PAX_HEADER]
    assert len(records) == len(found) // 2
    assert all(re.search(rb" mtime=1768465800\.4837\d+\n", record) for record in records)
    (path,) = [match[1] for match in (re.search(rb" path=(.+)\n", r) for r in records) if match]
    assert len(path) > 100
    assert path.startswith(b"checkpoints/")
    assert path.endswith(b".ckpt")


@pytest.mark.parametrize("name", ["lightgbm", "pytorch", "sklearn"])
def test_the_code_in_the_archive_is_the_code_in_serving(name: str) -> None:
    with tarfile.open(fileobj=io.BytesIO(compressed(name))) as tar:
        packed = {
            member.name[len("code/") :]: tar.extractfile(member).read()  # type: ignore[union-attr]
            for member in tar
            if member.name.startswith("code/")
        }
    sources = [path for path in (HERE / "serving" / name).iterdir() if path.is_file()]
    assert packed == {path.name: path.read_bytes() for path in sources}


@pytest.mark.parametrize("name", NAMES)
def test_the_archive_has_only_regular_files_and_folders_of_one_date(name: str) -> None:
    with tarfile.open(fileobj=io.BytesIO(compressed(name))) as tar:
        for member in tar:
            assert member.isreg() or member.isdir()
            assert int(member.mtime) == 1768465800  # 2026-01-15 08:30:00 UTC
            assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "root", "root")
            assert member.mode == (0o755 if member.isdir() else 0o644)


def test_every_value_of_the_lightgbm_hyperparameters_is_a_string() -> None:
    values = hyperparameters("lightgbm")
    assert {type(value) for value in values.values()} == {str}
    assert "None" in values.values()


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_feature_columns_name_the_inputs_in_their_order(name: str) -> None:
    with tarfile.open(fileobj=io.BytesIO(compressed(name))) as tar:
        (member,) = [name for name in tar.getnames() if name.endswith("feature_columns.txt")]
        content = tar.extractfile(member).read().decode()  # type: ignore[union-attr]
    rows = [line for line in content.splitlines() if not line.startswith("#")]
    assert rows == [f"{index},{field}" for index, field in enumerate(INPUTS[name])]


@pytest.mark.parametrize("size", [1, 7, 65_536])
@pytest.mark.parametrize("name", NAMES)
def test_the_core_finds_the_hyperparameters_at_the_root(name: str, size: int) -> None:
    archive = compressed(name)
    chunks = (archive[start : start + size] for start in range(0, len(archive), size))
    member = extract_hyperparameters(chunks)
    assert json.loads(member.content) == hyperparameters(name)
    assert member.modified == 1768465800
    assert member.warnings == ()


@pytest.mark.parametrize("name", NAMES)
def test_the_core_derives_the_inputs_in_their_order(name: str) -> None:
    member = extract_hyperparameters([compressed(name)])
    fields = listed_fields(parse_hyperparameters(member))
    assert [field.name for field in fields.fields] == INPUTS[name]
    assert fields.warnings == ()
