"""The manifests match the schemas of Kubernetes and KEDA."""

import copy
import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from tests.support.deployment.manifests import FOLDERS, Manifest, manifests, of_kind, rendered_file

KUBECTL = shutil.which("kubectl")
VERSIONS = ("1.29", "1.37")  # the oldest that our manifests are for, and the newest known here
SCHEMA = yaml.safe_load(Path(__file__).with_name("scaled_object.schema.yaml").read_text())
SCALED_OBJECT = Draft202012Validator(SCHEMA)


def check(manifest: Manifest, version: str) -> None:
    """Check a manifest against its schema; an unknown field is an error."""
    if manifest["kind"] == "ScaledObject":
        SCALED_OBJECT.validate(manifest)
    else:
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", FOLDERS)
def test_every_manifest_matches_its_schema(name: str, version: str) -> None:
    """Every manifest matches the schema of the oldest and of the newest supported Kubernetes."""
    assert manifests(name)
    for manifest in manifests(name):
        check(manifest, version)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_misspelt_field_is_refused(name: str) -> None:
    """An unknown field is an error in every manifest."""
    for manifest in manifests(name):
        part = "data" if "data" in manifest else "spec"
        wrong = copy.deepcopy(manifest)
        wrong["metadate"] = {}
        with pytest.raises((kubernetes_validate.ValidationError, ValidationError)):
            check(wrong, VERSIONS[0])
        if part in manifest:
            wrong = copy.deepcopy(manifest)
            wrong[part] = "a text"
            with pytest.raises((kubernetes_validate.ValidationError, ValidationError)):
                check(wrong, VERSIONS[0])


def test_the_scaled_objects_behaviour_is_valid_for_an_autoscaler() -> None:
    """KEDA passes the behaviour to an HPA unchanged, so it matches the HPA's schema."""
    scaled = of_kind("production", "ScaledObject")["worker"]["spec"]
    autoscaler = copy.deepcopy(of_kind("no-keda", "HorizontalPodAutoscaler")["worker"])
    autoscaler["spec"]["behavior"] = scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    check(autoscaler, VERSIONS[0])


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed: it carries kustomize")
@pytest.mark.parametrize("name", FOLDERS)
def test_rendered_files_are_what_kustomize_makes(name: str) -> None:
    """The rendered files are up to date.

    After a change: kubectl kustomize deploy/kubernetes/… > deploy/kubernetes/rendered/….yaml.
    """
    command = [str(KUBECTL), "kustomize", str(FOLDERS[name])]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    kept = rendered_file(name).read_text(encoding="utf-8")
    assert list(yaml.safe_load_all(made.stdout)) == list(yaml.safe_load_all(kept))
