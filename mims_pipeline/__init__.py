"""The payload generator in a pipeline: contracts, steps, registration and backfill.

Its rules are those of `mims`, which `pip install .` installs too; in a checkout, `lambda_fn` must
be on the path (`PYTHONPATH=lambda_fn`).
"""
