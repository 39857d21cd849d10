"""The events that start the function: a file for each family, and the list of them, `FAMILIES`.

Each file recognises the events of its family by their structure, reads the requests in them, and
answers as their sender expects. S3's notifications and Batch Operations URL-encode their keys;
EventBridge, SageMaker and people do not.
"""

from __future__ import annotations

from typing import Tuple

from mims.aws.events import (
    batch_operations,
    destination_record,
    eventbridge_s3,
    lists,
    own_answers,
    request_by_name,
    s3_notification,
    sns,
    sqs,
    training_job,
)
from mims.aws.events.family import Family

# In the order in which they are tried. The function's own answers come before Batch Operations,
# whose answer is like its event, and success records come before failure records.
FAMILIES: Tuple[Family, ...] = (
    s3_notification.FAMILY,
    s3_notification.TEST_EVENT,
    eventbridge_s3.FAMILY,
    training_job.FAMILY,
    sqs.FAMILY,
    sns.FAMILY,
    sns.ENVELOPE,
    own_answers.FAMILY,
    batch_operations.FAMILY,
    destination_record.SUCCESS,
    destination_record.FAILURE,
    training_job.OUTPUT,
    request_by_name.FAMILY,
    lists.FAMILY,
)
