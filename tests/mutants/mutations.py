"""Faults that a loss could come from: each a change of the code, and the tests that must see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple


@dataclass(frozen=True)
class Mutation:
    """`old`, which stands in `file` exactly once, becomes `new`; then each of `tests` must fail."""

    what: str
    file: str
    old: str
    new: str
    tests: Tuple[str, ...]


_AWS = "lambda_fn/mims/aws"
_BATCHES = "tests/functional/test_batches.py"
_EVENTS = "tests/functional/test_events.py"
_REQUESTS = "tests/functional/test_requests.py"
_ERRORS = "tests/functional/test_errors.py"
_LOCATIONS = "tests/functional/test_output_locations.py"
_RECONCILE = "tests/functional/test_reconcile.py"
_REPORTS = "tests/functional/test_reports.py"
_RESULTS = "tests/functional/test_results.py"
_QUIET = (
    "tests/functional/test_reconcile_model.py::"
    "test_when_all_is_quiet_the_payload_belongs_to_the_newest_model"
)

MUTATIONS = (
    Mutation(
        "the model is not looked at after writing",
        f"{_AWS}/reconcile.py",
        "if newest not in (model.etag, None):",
        "if False:",
        (
            _QUIET,
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
        "reading is taken up without If-Match",
        f"{_AWS}/models.py",
        'conditions = {"IfMatch": self.etag}',
        "conditions = {}",
        (f"{_RESULTS}::test_reading_on_is_on_the_condition_of_the_same_object",),
    ),
    Mutation(
        "another version's 412 is read as the end of the model",
        f"{_AWS}/models.py",
        "if declined.status in (412, 416):",
        "if declined.status == 416:",
        (f"{_RECONCILE}::test_two_versions_are_never_spliced",),
    ),
    Mutation(
        "the settings' digest is ignored",
        f"{_AWS}/reconcile.py",
        "stored.stamp.settings_sha256 == digest",
        "True",
        (f"{_RESULTS}::test_other_settings_update_the_payload",),
    ),
    Mutation(
        "the generator's version is no part of the digest",
        f"{_AWS}/reconcile.py",
        "settings.sha256(VERSION)",
        'settings.sha256("")',
        (f"{_RESULTS}::test_another_version_of_the_generator_updates_the_payload",),
    ),
    Mutation(
        "a run's own payload, after a lost answer, is taken for another's",
        f"{_AWS}/reconcile.py",
        "    # answer got lost.\n    return _carries(run, place, stamp)",
        "    # answer got lost.\n    return False",
        (f"{_RECONCILE}::test_a_run_s_own_payload_after_a_lost_answer_counts_as_written",),
    ),
    Mutation(
        "another's payload, after a lost answer, is taken for a run's own",
        f"{_AWS}/reconcile.py",
        "    # answer got lost.\n    return _carries(run, place, stamp)",
        "    # answer got lost.\n    return True",
        (f"{_RECONCILE}::test_another_s_payload_after_a_lost_answer_does_not",),
    ),
    Mutation(
        "what lay there before is taken for what could not be written",
        f"{_AWS}/reconcile.py",
        "(stored and stored.stamp == stamp) or not",
        "not",
        (f"{_RECONCILE}::test_a_forced_write_that_failed_is_not_taken_for_done",),
    ),
    Mutation(
        "a permanent error is a temporary one to S3 Batch Operations",
        f"{_AWS}/answers.py",
        "return _task_failed(task_id, error, error.permanent)\n    except Exception",
        "return _task_failed(task_id, error, False)\n    except Exception",
        (f"{_BATCHES}::test_a_permanent_error_is_a_permanent_failure_of_its_task_alone",),
    ),
    Mutation(
        "a failing record keeps the others from being looked at",
        f"{_AWS}/answers.py",
        "            except Exception as error:  # noqa: BLE001 - the other requests come first\n"
        "                failure = failure or error",
        "            except ZeroDivisionError as error:\n"
        "                failure = failure or error",
        (f"{_BATCHES}::test_a_failing_record_is_raised_after_the_last_one",),
    ),
    Mutation(
        "what is up to date is read and written again",
        f"{_AWS}/reconcile.py",
        'known_etag = stored.stamp.model_etag if stored and current and not request.force else ""',
        'known_etag = ""',
        (f"{_RESULTS}::test_what_is_up_to_date_takes_two_requests_and_reads_nothing",),
    ),
    Mutation(
        "the key of EventBridge is decoded",
        f"{_AWS}/events.py",
        'part(event, "detail", "object", "key")',
        'unquote_plus(part(event, "detail", "object", "key"))',
        (f"{_EVENTS}::test_a_key_of_eventbridge_is_not_decoded",),
    ),
    Mutation(
        "the key of a notification is not decoded",
        f"{_AWS}/events.py",
        'unquote_plus(part(record, "s3", "object", "key"))',
        'part(record, "s3", "object", "key")',
        (f"{_EVENTS}::test_an_event_of_records_is_answered_with_results",),
    ),
    Mutation(
        "the payload bucket's owner is not checked",
        f"{_AWS}/payloads.py",
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
        f"{_AWS}/events.py",
        'if texts["version_id"] and not texts["payload_s3_uri"]:',
        "if False:",
        (f"{_REQUESTS}::test_a_request_that_cannot_be_meant_is_refused",),
    ),
    Mutation(
        "the SDK goes on attempting when time is up",
        f"{_AWS}/s3.py",
        "    if run is not None:\n        run.check_deadline()",
        "    if run is not None:\n        pass",
        (f"{_ERRORS}::test_the_deadline_ends_the_attempts_of_the_sdk",),
    ),
    Mutation(
        "the message of a defect is logged",
        f"{_AWS}/report.py",
        "str(error) if known else",
        "str(error) if True else",
        (f"{_BATCHES}::test_a_defect_is_a_temporary_failure_and_its_message_is_not_logged",),
    ),
)
