"""The deployed autoscalers and settings, read from deploy/kubernetes."""

from pathlib import Path
from typing import Any, NamedTuple

import yaml

from benchmarks.autoscaling.autoscaler import Policy, ScalingRules
from tradecapture.settings import Settings

RENDERED = Path(__file__).parents[2] / "deploy" / "kubernetes" / "rendered"


class DeployedFleet(NamedTuple):
    """What the simulation takes from the manifests."""

    claims: Policy  # of KEDA, by claims due
    cpu: Policy  # of the HPA, by processors
    concurrency: int  # processes a worker
    settings: Settings


def read_manifests() -> DeployedFleet:
    """Read the rendered manifests."""
    scaled = _named("production", "ScaledObject", "worker")["spec"]
    behaviour = scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    (trigger,) = scaled["triggers"]
    claims = Policy(
        scaled["minReplicaCount"],
        scaled["maxReplicaCount"],
        float(trigger["metadata"]["targetValue"]),
        ScalingRules.of(behaviour["scaleUp"]),
        ScalingRules.of(behaviour["scaleDown"]),
    )
    autoscaler = _named("no-keda", "HorizontalPodAutoscaler", "worker")["spec"]
    (metric,) = autoscaler["metrics"]
    (container,) = _named("no-keda", "Deployment", "worker")["spec"]["template"]["spec"][
        "containers"
    ]
    share = metric["resource"]["target"]["averageUtilization"] / 100
    cpu = Policy(
        autoscaler["minReplicas"],
        autoscaler["maxReplicas"],
        share * _processors(container["resources"]["requests"]["cpu"]),
        ScalingRules.of(autoscaler["behavior"]["scaleUp"]),
        ScalingRules.of(autoscaler["behavior"]["scaleDown"]),
    )
    (option,) = [text for text in container["command"] if text.startswith("--concurrency=")]
    # kustomize appends a hash of the content to the name.
    environment = _named("production", "ConfigMap", "settings-")["data"]
    concurrency = int(option.removeprefix("--concurrency="))
    return DeployedFleet(claims, cpu, concurrency, Settings.from_environment(environment))


def _named(rendered: str, kind: str, name: str) -> dict[str, Any]:
    text = (RENDERED / f"{rendered}.yaml").read_text(encoding="utf-8")
    (manifest,) = [
        candidate
        for candidate in yaml.safe_load_all(text)
        if candidate["kind"] == kind and candidate["metadata"]["name"].startswith(name)
    ]
    return dict(manifest)


def _processors(text: str) -> float:
    return float(text.removesuffix("m")) / 1000 if text.endswith("m") else float(text)
