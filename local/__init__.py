"""AWS on one machine: an S3 server, the Lambda Runtime API, and a proxy for faults between them.

Used by `scripts/run`, the integration tests and the benchmarks; none of it is deployed. All servers
listen on 127.0.0.1, on ports that the system chooses.
"""
