"""Asks OSV whether a package that the fleet runs on has a known vulnerability.

pip-audit's exit code is not enough: if OSV does not answer, pip-audit exits with 1, as if it had
found something; if a mirror does not know a package, it exits with 0, as if all was well.
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
# For about fifty packages on a slow connection; pip-audit asks for one after the other.
TIMEOUT_SECONDS = 300


def installed_requirements(project: str) -> dict[str, str]:
    """Return the packages that an installed project needs, directly or not: name -> version.

    Raises:
        importlib.metadata.PackageNotFoundError: the project, or one of them, is not installed.
    """
    packages: dict[str, str] = {}
    waiting = [Requirement(project)]
    visited: set[tuple[str, str]] = set()
    while waiting:
        requirement = waiting.pop()
        for extra in ("", *requirement.extras):
            if (requirement.name, extra) in visited:
                continue
            visited.add((requirement.name, extra))
            for text in requires(requirement.name) or ():
                needed = Requirement(text)
                if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                    packages[canonicalize_name(needed.name)] = version(needed.name)
                    waiting.append(needed)
    return packages


def audit(packages: Mapping[str, str], service: str) -> list[dict[str, Any]] | str:
    """Return pip-audit's finding on each package, or why it could not audit."""
    with tempfile.TemporaryDirectory() as folder:
        pinned = Path(folder) / "requirements.txt"
        pinned.write_text("".join(f"{name}=={number}\n" for name, number in packages.items()))
        options = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
        options += ["--vulnerability-service", "osv", "--osv-url", service]
        command = [sys.executable, "-m", "pip_audit", *options, "--requirement", str(pinned)]
        try:
            result = subprocess.run(  # noqa: S603 - the arguments are ours
                command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return f"{service} did not answer within {TIMEOUT_SECONDS} s"
    try:
        findings: list[dict[str, Any]] = json.loads(result.stdout)["dependencies"]
    except json.JSONDecodeError:
        return (result.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]
    return findings


def main(words: Sequence[str]) -> int:
    """Print the findings; return 1 if there is a vulnerability, otherwise 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--service", default=SERVICE, help="address that is asked, as OSV's v1")
    service = parser.parse_args(words).service
    packages = installed_requirements(PROJECT)
    findings = audit(packages, service)
    if isinstance(findings, str):
        print(f"not audited: {findings}. The packages may have known vulnerabilities.")
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
                f"{finding['name']} {finding['version']}: {vulnerability['id']}, fixed in {fixed}"
            )
    print(f"{len(packages) - len(missing)} packages audited, {len(vulnerable)} vulnerable")
    return 1 if vulnerable else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
