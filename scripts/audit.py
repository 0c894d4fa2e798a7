"""Audit: asks OSV whether a package that the fleet runs on has a known vulnerability.

pip-audit alone cannot be believed here: where the service is out of reach it ends with 1, as if it
had found something, and where a mirror does not know a package it ends with 0, as if all was well.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = "tradecapture"
SERVICE = "https://api.osv.dev/v1/query"
# pip-audit asks for one package after the other; for some fifty on a slow line.
MAX_SECONDS = 300


def installed_requirements(project: str) -> dict[str, str]:
    """Return what an installed project needs to run, directly or not: name -> installed version.

    Raises:
        importlib.metadata.PackageNotFoundError: the project, or one of them, is not installed.
    """
    found: dict[str, str] = {}
    waiting = [Requirement(project)]
    looked_at: set[tuple[str, str]] = set()
    while waiting:
        asked = waiting.pop()
        for extra in ("", *asked.extras):
            if (asked.name, extra) in looked_at:
                continue
            looked_at.add((asked.name, extra))
            for text in requires(asked.name) or ():
                needed = Requirement(text)
                if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                    found[canonicalize_name(needed.name)] = version(needed.name)
                    waiting.append(needed)
    return found


def audit(packages: Mapping[str, str], service: str) -> list[dict[str, Any]] | str:
    """Return pip-audit's finding on each package, or why there is none."""
    with tempfile.TemporaryDirectory() as folder:
        pinned = Path(folder) / "requirements.txt"
        pinned.write_text("".join(f"{name}=={number}\n" for name, number in packages.items()))
        options = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
        options += ["--vulnerability-service", "osv", "--osv-url", service]
        command = [sys.executable, "-m", "pip_audit", *options, "--requirement", str(pinned)]
        try:
            ended = subprocess.run(  # noqa: S603 - the arguments are ours
                command, capture_output=True, text=True, timeout=MAX_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return f"{service} did not answer within {MAX_SECONDS} s"
    try:
        findings: list[dict[str, Any]] = json.loads(ended.stdout)["dependencies"]
    except json.JSONDecodeError:
        return (ended.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]
    return findings


def main(words: Sequence[str]) -> int:
    """Print what was found; return 1 if that is a vulnerability, else 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--service", default=SERVICE, help="address that is asked, as OSV's v1")
    service = parser.parse_args(words).service
    packages = installed_requirements(PROJECT)
    findings = audit(packages, service)
    if isinstance(findings, str):
        print(f"not audited: {findings}. The packages may have known vulnerabilities all the same.")
        return 0
    skipped = [finding["name"] for finding in findings if "skip_reason" in finding]
    missing = sorted({*skipped, *(packages.keys() - {finding["name"] for finding in findings})})
    if missing:
        print(f"not audited: {', '.join(missing)}, which the service does not know")
    vulnerable = [finding for finding in findings if finding.get("vulns")]
    for finding in vulnerable:
        for vulnerability in finding["vulns"]:
            fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
            print(
                f"{finding['name']} {finding['version']}: {vulnerability['id']}, mended in {fixed}"
            )
    print(f"{len(packages) - len(missing)} packages audited, {len(vulnerable)} vulnerable")
    return 1 if vulnerable else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
