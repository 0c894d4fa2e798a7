"""Reads the Kubernetes manifests as kustomize renders them for each folder that is applied."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.support import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
# The folders that are applied, by the name of their rendered file.
FOLDERS = {
    "production": FOLDER / "overlays" / "production",
    "no-keda": FOLDER / "overlays" / "no-keda",
    "migration": FOLDER / "migration",
}
FLEETS = ("production", "no-keda")  # those with API and workers

Manifest = dict[str, Any]


def rendered_file(name: str) -> Path:
    """Return the file with the rendered manifests of a folder."""
    return FOLDER / "rendered" / f"{name}.yaml"


@cache
def manifests(name: str) -> tuple[Manifest, ...]:
    """Return the rendered manifests of a folder."""
    return tuple(yaml.safe_load_all(rendered_file(name).read_text(encoding="utf-8")))


def of_kind(name: str, *kinds: str) -> dict[str, Manifest]:
    """Return the manifests of some kinds, by name."""
    return {m["metadata"]["name"]: m for m in manifests(name) if m["kind"] in kinds}


def pods(name: str) -> dict[str, Manifest]:
    """Return the pod templates, by the name of their Deployment or Job."""
    controllers = of_kind(name, "Deployment", "Job")
    return {owner: manifest["spec"]["template"] for owner, manifest in controllers.items()}


def containers(name: str) -> Iterator[tuple[str, Manifest]]:
    """Yield each container with the name of its pod's Deployment or Job."""
    for owner, template in pods(name).items():
        for container in template["spec"]["containers"]:
            yield owner, container


def settings_of(name: str, who: str) -> dict[str, str]:
    """Return the environment variables of the only container of a pod.

    Args:
        name: of the folder.
        who: name of the pod's Deployment or Job.
    """
    sources = {
        **{f"configMapRef:{k}": v["data"] for k, v in of_kind(name, "ConfigMap").items()},
        **{f"secretRef:{k}": v["data"] for k, v in of_kind(name, "Secret").items()},
    }
    (container,) = pods(name)[who]["spec"]["containers"]
    environment: dict[str, str] = {}
    for source in container.get("envFrom", []):
        ((kind, reference),) = source.items()
        environment |= sources[f"{kind}:{reference['name']}"]
    for variable in container.get("env", []):
        environment[variable["name"]] = variable.get("value", "(secret)")
    return environment


def matching(name: str, selector: Manifest) -> set[str]:
    """Return the Deployments and Jobs whose pods a label selector selects, by name."""
    return {owner for owner, template in pods(name).items() if _matches(template, selector)}


def _matches(template: Manifest, selector: Manifest) -> bool:
    labels = template["metadata"]["labels"]
    match_labels = selector.get("matchLabels", {}).items()
    expressions = selector.get("matchExpressions", [])
    assert all(expression["operator"] == "In" for expression in expressions)
    return all(labels.get(key) == value for key, value in match_labels) and all(
        labels.get(expression["key"]) in expression["values"] for expression in expressions
    )
