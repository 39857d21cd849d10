"""What stands in for AWS on one machine: an S3 server, the Lambda Runtime API, faults between them.

Used by `scripts/run`, the integration tests and the benchmarks; no part of what is deployed.
Everything listens on 127.0.0.1, on ports that the system chooses.
"""
