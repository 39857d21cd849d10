"""What a cold start takes: `python -m benchmarks.cold_start app` or `... boto3`.

Prints the seconds from the first import to the first client, in a process with nothing loaded.
"""

import sys
import time


def main() -> None:
    """Import, make a client, and print how long both took together."""
    start = time.perf_counter()
    if sys.argv[1] == "app":
        import app  # noqa: F401 - all that the function imports before it is called
        from mims.aws import s3

        s3.client()
    else:
        import boto3

        boto3.client("s3")
    print(time.perf_counter() - start)


if __name__ == "__main__":
    main()
