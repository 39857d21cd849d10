"""The command and job script: arguments and files in, a payload, a report or answers out.

Here the job script begins, so that this package alone, beside `mims.aws`, knows disk, network,
terminal and environment; `mims_payload.py` has the contract's paths and calls it. It runs on Python
3.8 with the standard library; only `s3://…` and `endpoint:…` need boto3.
"""
