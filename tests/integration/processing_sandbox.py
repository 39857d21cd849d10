"""A Processing job's container, as close to it as possible without Docker and SageMaker.

The job's request says what runs, with which environment, and where its inputs and outputs are. It
runs in its own namespaces (mounts, processes, and a network with nothing but a loopback that is
down), in a read-only root folder with the system's programs and libraries, the interpreter and the
job's folders; `/tmp` is small; the user has no privileges. Only the outputs and `/opt/ml/output`
can be written. All mounts end with the process, and the host never sees them.

Root needs nothing else; other users need user namespaces, which some machines forbid: `refusal`
says why. These parts of a real job are missing: its image, its instance, S3, and copying to and
from it.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Mapping

# As in an image whose python3 is the interpreter of the tests (not its virtual environment's).
PATH = f"{sys.base_prefix}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
PROGRAMS = ("unshare", "setpriv", "mount", "chroot", "find")
SYSTEM_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc")
MESSAGE_FOLDER = "/opt/ml/output"
TMP_KIB = 64
NOBODY = 65534
SECONDS = 120  # a run takes one

# A user namespace must keep the flags of its mounts: a remount without one of them is refused, see
# mount_namespaces(7): https://man7.org/linux/man-pages/man7/mount_namespaces.7.html
_KEPT_FLAGS = {os.ST_NOSUID: "nosuid", os.ST_NODEV: "nodev", os.ST_NOEXEC: "noexec"}


@dataclass(frozen=True)
class Run:
    """The result of running a job's container."""

    exit_code: int
    output: str
    errors: str
    left_in_tmp: list[str]


def refusal() -> str:
    """Return the reason why this machine cannot run a job like this; empty if it can."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
    if sys.platform != "linux" or missing:
        return f"needs Linux and its programs; missing: {', '.join(missing) or sys.platform}"
    probe = "mount --make-rprivate / && mount -t tmpfs none /tmp && mount -t proc none /proc"
    tried = subprocess.run(
        [*_unshare(), "sh", "-c", probe], capture_output=True, text=True, timeout=SECONDS
    )
    if tried.returncode:
        return f"the machine allows no namespaces with mounts: {tried.stderr.strip()}"
    return ""


def run_job(
    request: Mapping[str, Any],
    inputs: Mapping[str, Path],
    outputs: Mapping[str, Path],
    messages: Path,
    scratch: Path,
) -> Run:
    """Run the container of a `CreateProcessingJob` request, and wait for its end.

    Parameters
    ----------
    request
        As boto3's `create_processing_job` takes it.
    inputs, outputs
        The local folder of each input and output in the request, by its name.
    messages
        The local folder that the container sees as `/opt/ml/output`.
    scratch
        An empty folder for the launcher's own use.

    Raises
    ------
    RuntimeError
        The container could not be set up.
    """
    specification = request["AppSpecification"]
    command = [*specification["ContainerEntrypoint"], *specification.get("ContainerArguments", [])]
    mounts = [
        (inputs[part["InputName"]], part["S3Input"]["LocalPath"], "ro")
        for part in request["ProcessingInputs"]
    ]
    mounts += [
        (outputs[part["OutputName"]], part["S3Output"]["LocalPath"], "rw")
        for part in request["ProcessingOutputConfig"]["Outputs"]
    ]
    mounts.append((messages, MESSAGE_FOLDER, "rw"))
    for folder, _, mode in mounts:
        if mode == "rw":
            folder.chmod(0o777)
    root, status, left = scratch / "root", scratch / "status", scratch / "left"
    root.mkdir()
    script = "\n".join(_script(root, mounts, command, status, left))
    ended = subprocess.run(
        [*_unshare(), "sh", "-euc", script],
        env={"PATH": PATH, **request.get("Environment", {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    if not status.exists():
        raise RuntimeError(f"the container was not set up: {ended.stderr.strip()}")
    return Run(int(status.read_text()), ended.stdout, ended.stderr, left.read_text().splitlines())


def _unshare() -> list[str]:
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    # --kill-child: processes that the job leaves running end with it.
    return ["unshare", *user, "--mount", "--net", "--pid", "--fork", "--kill-child"]


def _script(
    root: Path,
    mounts: list[tuple[Path, str, str]],
    command: list[str],
    status: Path,
    left: Path,
) -> Iterator[str]:
    """Yield the commands that set up the container, run it, and list what it left in /tmp."""
    inside = shlex.quote(str(root))
    yield "mount --make-rprivate /"
    yield f"mount -t tmpfs -o size=1m,mode=755 root {inside}"
    yield f"mkdir -p {inside}/proc {inside}/dev {inside}/tmp"
    for folder in SYSTEM_FOLDERS:
        if os.path.islink(folder):  # /lib -> usr/lib
            yield f"ln -s {shlex.quote(os.readlink(folder))} {inside}{folder}"
        elif os.path.isdir(folder):
            yield from _bind(Path(folder), folder, root, "ro")
    if not sys.base_prefix.startswith("/usr/") and sys.base_prefix != "/usr":
        yield from _bind(Path(sys.base_prefix), sys.base_prefix, root, "ro")
    for source, target, mode in mounts:
        yield from _bind(source, target, root, mode)
    yield f"mount -t proc none {inside}/proc"
    yield f"touch {inside}/dev/null"
    yield f"mount --bind /dev/null {inside}/dev/null"
    yield f"mount -t tmpfs -o size={TMP_KIB}k,mode=1777 tmp {inside}/tmp"
    yield f"mount -o remount,bind,ro {inside}"
    yield "code=0"
    yield f"{_unprivileged(root, command)} || code=$?"
    yield f"find {inside}/tmp -mindepth 1 > {shlex.quote(str(left))}"
    yield f"echo $code > {shlex.quote(str(status))}"


def _bind(source: Path, target: str, root: Path, mode: str) -> Iterator[str]:
    mount_point = shlex.quote(f"{root}{target}")
    flags = os.statvfs(source).f_flag
    kept = [name for flag, name in _KEPT_FLAGS.items() if flags & flag]
    yield f"mkdir -p {mount_point}"
    yield f"mount --bind {shlex.quote(str(source))} {mount_point}"
    yield f"mount -o {','.join(['remount', 'bind', mode, *kept])} {mount_point}"


def _unprivileged(root: Path, command: list[str]) -> str:
    """Return the command that runs `command` in this root, without any privileges.

    Root becomes nobody; any other user, who is root only in the namespace, stays the same and loses
    the privileges that the namespace gave it.
    """
    drop = ["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
    if os.geteuid() == 0:
        drop += [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    return shlex.join(["chroot", str(root), *drop, *command])
