"""The autoscalers that are deployed, read from deploy/kubernetes."""

from pathlib import Path
from typing import Any, NamedTuple

import yaml

from benchmarks.autoscaling.autoscaler import Policy, Rules
from tradecapture.settings import Settings

RENDERED = Path(__file__).parents[2] / "deploy" / "kubernetes" / "rendered"


class Deployed(NamedTuple):
    """What the simulation takes from the manifests."""

    claims: Policy  # KEDA's, by claims due
    cpu: Policy  # by processors
    concurrency: int  # processes a worker
    settings: Settings


def read_deployed() -> Deployed:
    """Read them."""
    scaled = _named("production", "ScaledObject", "worker")["spec"]
    behaviour = scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    (trigger,) = scaled["triggers"]
    claims = Policy(
        scaled["minReplicaCount"],
        scaled["maxReplicaCount"],
        float(trigger["metadata"]["targetValue"]),
        Rules.of(behaviour["scaleUp"]),
        Rules.of(behaviour["scaleDown"]),
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
        Rules.of(autoscaler["behavior"]["scaleUp"]),
        Rules.of(autoscaler["behavior"]["scaleDown"]),
    )
    (option,) = [text for text in container["command"] if text.startswith("--concurrency=")]
    # kustomize puts a hash of the content behind the name.
    environment = _named("production", "ConfigMap", "settings-")["data"]
    concurrency = int(option.removeprefix("--concurrency="))
    return Deployed(claims, cpu, concurrency, Settings.from_environment(environment))


def _named(rendered: str, kind: str, name: str) -> dict[str, Any]:
    text = (RENDERED / f"{rendered}.yaml").read_text(encoding="utf-8")
    (found,) = [
        manifest
        for manifest in yaml.safe_load_all(text)
        if manifest["kind"] == kind and manifest["metadata"]["name"].startswith(name)
    ]
    return dict(found)


def _processors(text: str) -> float:
    return float(text.removesuffix("m")) / 1000 if text.endswith("m") else float(text)
