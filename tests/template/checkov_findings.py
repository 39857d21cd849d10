"""Checks that all findings of checkov, and no others, are justified at their resources.

    python -m tests.template.checkov_findings render FOLDER    writes the stacks to check
    checkov --directory FOLDER --output json > REPORT
    python -m tests.template.checkov_findings judge REPORT     exits with 1 if something is wrong

checkov's own handling of suppressions would keep those that are no longer needed. And it sees
little of a template with conditions, so it gets stacks in which they are evaluated.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Dict, List, Set, Tuple

from tests.template.stack import STACKS, resolved, source

Finding = Tuple[str, str]  # resource, check


def render(folder: Path) -> None:
    """Write each of `STACKS` into `folder`, without its suppressions."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, parameters in STACKS.items():
        template = resolved(**parameters)
        for resource in template["Resources"].values():
            resource.pop("Metadata", None)
        (folder / f"{name}.json").write_text(json.dumps(template, indent=2))


def suppressions() -> Dict[Finding, str]:
    """Return the justification of each finding that the template accepts."""
    return {
        (name, skip["id"]): skip["comment"]
        for name, resource in source()["Resources"].items()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    }


def findings(report: Any) -> Set[Finding]:
    """Return the failed checks in checkov's report on all stacks.

    Raises
    ------
    ValueError
        The report is not about `STACKS`, or a stack could not be read.
    """
    summary = report["summary"]
    files = {
        Path(check["file_path"]).stem
        for outcome in ("passed_checks", "failed_checks")
        for check in report["results"][outcome]
    }
    if summary["parsing_errors"] or files != set(STACKS):
        raise ValueError(f"checkov did not read every stack: {sorted(files)}, {summary}")
    return {
        (check["resource"].split(".")[-1], check["check_id"])
        for check in report["results"]["failed_checks"]
    }


def complaints(found: Set[Finding], accepted: Dict[Finding, str]) -> List[str]:
    """Return what is wrong, one line each; an empty list if nothing is."""
    return [
        *(
            f"{check} on {name} is neither fixed nor justified"
            for name, check in found - set(accepted)
        ),
        *(
            f"{check} on {name} is justified, but not found"
            for name, check in set(accepted) - found
        ),
        *(
            f"{check} on {name} has no reason"
            for (name, check), reason in accepted.items()
            if len(reason.split()) < 4
        ),
    ]


def main(command: str, path: str) -> int:
    if command == "render":
        render(Path(path))
        return 0
    report = json.loads(Path(path).read_text())
    found, accepted = findings(report), suppressions()
    for (name, check), reason in sorted(accepted.items()):
        print(f"accepted: {check} on {name}: {reason}")
    wrong = complaints(found, accepted)
    for complaint in sorted(wrong):
        print(f"error: {complaint}", file=sys.stderr)
    summary = report["summary"]
    print(f"checkov {summary['checkov_version']}: {summary['passed']} checks passed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
