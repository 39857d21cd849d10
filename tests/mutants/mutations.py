"""Defects that could lose a payload: each is a change of the code, with tests that must fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple


@dataclass(frozen=True)
class Mutation:
    """`old`, which is in `file` exactly once, becomes `new`; each of `tests` must then fail."""

    description: str
    file: str
    old: str
    new: str
    tests: Tuple[str, ...]


_AWS = "lambda_fn/mims/aws"
_BATCHES = "tests/functional/test_batches.py"
_DEFECTS = "tests/functional/test_defects.py"
_EVENTS = "tests/functional/test_events.py"
_REQUESTS = "tests/functional/test_requests.py"
_ERRORS = "tests/functional/test_errors.py"
_LOCATIONS = "tests/functional/test_output_locations.py"
_OCCUPIED = "tests/functional/test_occupied_locations.py"
_RECONCILE = "tests/functional/test_reconcile.py"
_RESULTS = "tests/functional/test_results.py"
_QUIET = (
    "tests/functional/test_reconcile_model.py::"
    "test_when_all_is_quiet_the_payload_belongs_to_the_newest_model"
)

MUTATIONS = (
    Mutation(
        "the model is not checked after writing",
        f"{_AWS}/reconcile.py",
        "if newest not in (made.etag, None):",
        "if False:",
        (  # random runs rarely come upon it: the model must go back to what it was at one call
            f"{_RECONCILE}::test_a_model_that_is_replaced_after_it_was_read_is_read_again",
            f"{_RECONCILE}::test_a_model_that_goes_back_to_what_it_was_while_a_run_writes",
        ),
    ),
    Mutation(
        "a payload is replaced without a condition",
        f"{_AWS}/payloads.py",
        'parameters["IfMatch"] = replaced.etag',
        "pass",
        (
            _QUIET,
            f"{_RECONCILE}::test_an_updated_payload_is_never_replaced_by_a_run_that_is_merely_slow",
        ),
    ),
    Mutation(
        "a payload is created without a condition",
        f"{_AWS}/payloads.py",
        'parameters["IfNoneMatch"] = "*"',
        "pass",
        (f"{_RECONCILE}::test_a_newer_payload_is_never_replaced_by_a_run_that_is_merely_slow",),
    ),
    Mutation(
        "reading is resumed without If-Match",
        f"{_AWS}/models.py",
        'conditions = {"IfMatch": self.etag}',
        "conditions = {}",
        (f"{_RESULTS}::test_the_rest_is_read_on_the_condition_of_the_same_object",),
    ),
    Mutation(
        "another version's 412 is read as the end of the model",
        f"{_AWS}/models.py",
        "if error.status in (412, 416):",
        "if error.status == 416:",
        (f"{_RECONCILE}::test_two_versions_are_never_spliced",),
    ),
    Mutation(
        "the settings' digest is ignored",
        f"{_AWS}/reconcile.py",
        "if stored.stamp.settings_sha256 == digest else None",
        "if True else None",
        (f"{_RESULTS}::test_other_settings_update_the_payload",),
    ),
    Mutation(
        "the generator's version is not part of the digest",
        f"{_AWS}/reconcile.py",
        "given.sha256(VERSION, destination.kms_key_id)",
        'given.sha256("", destination.kms_key_id)',
        (f"{_RESULTS}::test_another_version_of_the_generator_updates_the_payload",),
    ),
    Mutation(
        "a run's own payload, after a lost answer, is mistaken for another's",
        f"{_AWS}/reconcile.py",
        "        # was lost.\n        return _carries(session, location, stamp)",
        "        # was lost.\n        return False",
        (f"{_RECONCILE}::test_a_run_s_own_payload_after_a_lost_answer_counts_as_written",),
    ),
    Mutation(
        "another's payload, after a lost answer, is mistaken for a run's own",
        f"{_AWS}/reconcile.py",
        "        # was lost.\n        return _carries(session, location, stamp)",
        "        # was lost.\n        return True",
        (
            f"{_RECONCILE}::test_another_run_s_payload_after_a_lost_answer_does_not_count_as_written",
        ),
    ),
    Mutation(
        "the payload that was there is mistaken for the one that could not be written",
        f"{_AWS}/reconcile.py",
        "(stored and stored.stamp == stamp) or not",
        "not",
        (f"{_RECONCILE}::test_a_forced_write_that_failed_is_not_reported_as_done",),
    ),
    Mutation(
        "a permanent error is a temporary one to S3 Batch Operations",
        f"{_AWS}/events/batch_operations.py",
        'code = "PermanentFailure" if error.permanent else "TemporaryFailure"',
        'code = "TemporaryFailure"',
        (f"{_BATCHES}::test_a_permanent_error_is_a_permanent_failure_of_its_task_only",),
    ),
    Mutation(
        "a failing record stops the others",
        f"{_AWS}/events/family.py",
        "        except PayloadError as error:\n            if failure is None or",
        "        except ZeroDivisionError as error:\n            if failure is None or",
        (f"{_BATCHES}::test_a_failing_record_is_raised_after_the_last_one",),
    ),
    Mutation(
        "a payload that is up to date is made and written again",
        f"{_AWS}/reconcile.py",
        'known_etag = current.model_etag if current else made.etag if made else ""',
        'known_etag = ""',
        (f"{_RESULTS}::test_a_payload_that_is_up_to_date_takes_two_requests_and_reads_nothing",),
    ),
    Mutation(
        "the key of EventBridge is decoded",
        f"{_AWS}/events/eventbridge_s3.py",
        'string_at(event, "detail", "object", "key")',
        'string_at(event, "detail", "object", "key").replace("+", " ")',
        (f"{_EVENTS}::test_a_key_of_eventbridge_is_not_decoded",),
    ),
    Mutation(
        "the key of a notification is not decoded",
        f"{_AWS}/events/s3_notification.py",
        'unquote_plus(string_at(record, "s3", "object", "key"))',
        'string_at(record, "s3", "object", "key")',
        (f"{_EVENTS}::test_an_event_of_records_is_answered_with_results",),
    ),
    Mutation(
        "the payload bucket's owner is not checked",
        f"{_AWS}/locations.py",
        '"ExpectedBucketOwner": self.owner',
        '"ExpectedBucketOwner": ""',
        (f"{_LOCATIONS}::test_owners_and_key_go_with_every_call",),
    ),
    Mutation(
        "the model bucket's owner is not checked",
        f"{_AWS}/models.py",
        '"ExpectedBucketOwner": self.owner',
        '"ExpectedBucketOwner": None',
        (f"{_LOCATIONS}::test_owners_and_key_go_with_every_call",),
    ),
    Mutation(
        "an old version may replace the newest model's payload",
        f"{_AWS}/events/request_by_name.py",
        "if version_id and not payload_s3_uri:",
        "if False:",
        (f"{_REQUESTS}::test_an_invalid_request_is_refused",),
    ),
    Mutation(
        "the SDK keeps trying when time is up",
        f"{_AWS}/s3.py",
        "    if session is not None:\n        session.check_deadline()",
        "    if session is not None:\n        pass",
        (f"{_ERRORS}::test_the_deadline_ends_the_attempts_of_the_sdk",),
    ),
    Mutation(
        "a defect stays the context of the error that is raised instead",
        f"{_AWS}/dispatch.py",
        "        defect = internal_error(error)\n    report(defect)\n    raise defect",
        "        defect = internal_error(error)\n        report(defect)\n        raise defect",
        (f"{_DEFECTS}::test_a_defect_is_raised_without_its_message",),
    ),
    Mutation(
        "a defect is reported with its message",
        "lambda_fn/mims/errors.py",
        'InternalError(f"{type(error).__name__} in',
        'InternalError(f"{error!r} in',
        (
            f"{_DEFECTS}::test_a_defect_is_raised_without_its_message",
            f"{_DEFECTS}::test_a_task_with_a_defect_is_a_permanent_failure_without_its_message",
        ),
    ),
    Mutation(
        "somebody else's object is replaced",
        f"{_AWS}/reconcile.py",
        "if stored and not request.replace_foreign:",
        "if False:",
        (
            f"{_OCCUPIED}::test_somebody_else_s_object_is_not_replaced",
            f"{_RECONCILE}::test_an_object_that_somebody_puts_there_meanwhile_is_not_replaced",
        ),
    ),
    Mutation(
        "an earlier round's payload is written without checking the newest model",
        f"{_AWS}/reconcile.py",
        "return made if made and made.etag == model.etag else model",
        "return made or model",
        (f"{_RECONCILE}::test_a_model_that_is_replaced_after_it_was_read_is_read_again",),
    ),
    Mutation(
        "a missing bucket is mistaken for a model that is gone",
        f"{_AWS}/models.py",
        'if error.code == "NoSuchBucket":',
        "if False:",
        (f"{_ERRORS}::test_a_missing_bucket_is_an_error_for_a_notification_too",),
    ),
    Mutation(
        "the function's own answers are not recognised",
        f"{_AWS}/events/__init__.py",
        "    own_answers.FAMILY,\n",
        "",
        (f"{_EVENTS}::test_an_answer_that_comes_back_is_skipped",),
    ),
)
