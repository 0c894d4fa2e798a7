"""The manifests agree with each other, the image, the API and the settings."""

import base64
import dataclasses
import re
from itertools import chain

import pytest
from litestar import Litestar

from celeryconfig import worker_soft_shutdown_timeout
from tests.support.deployment.manifests import (
    FLEETS,
    FOLDERS,
    Manifest,
    containers,
    manifests,
    matching,
    of_kind,
    pods,
    settings_of,
)
from tradecapture.api.app import create_app
from tradecapture.api.management.bodies import BacklogBody
from tradecapture.settings import Settings, variable_of
from tradecapture.version import VERSION

VARIABLES = {variable_of(setting) for setting in dataclasses.fields(Settings)}
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
MAX_WAIT_SECONDS = 30  # a request's `Prefer: wait`; and billiard's, for a result
# What docs/kubernetes.md asks of the database.
CONNECTION_LIMIT = 250


@pytest.fixture(scope="module")
def api() -> Litestar:
    """The API, of which only the paths are used."""
    return create_app(Settings(redis_url="redis://127.0.0.1:1/0", connect_seconds=0.1))


@pytest.mark.parametrize("name", FOLDERS)
def test_every_setting_exists(name: str) -> None:
    """Each variable is a setting, and each value can be read."""
    for who in pods(name):
        environment = settings_of(name, who)
        ours = {key for key in environment if key.startswith("TRADECAPTURE_")}
        assert ours <= VARIABLES
        assert set(environment) - ours <= {"FLOWER_BASIC_AUTH"}
    for kind, decode in (("ConfigMap", str), ("Secret", _decoded)):
        for manifest in of_kind(name, kind).values():
            Settings.from_environment({key: decode(v) for key, v in manifest["data"].items()})


def _decoded(value: str) -> str:
    return base64.b64decode(value).decode()


@pytest.mark.parametrize("name", FOLDERS)
def test_no_secret_is_kept(name: str) -> None:
    """Passwords are only in Secrets, and only as CHANGE-ME."""
    for manifest in of_kind(name, "Secret").values():
        for value in manifest["data"].values():
            assert set(re.findall(r":([^:@/]+)@", _decoded(value))) <= {"CHANGE-ME"}
    for manifest in manifests(name):
        if manifest["kind"] != "Secret":
            assert "CHANGE-ME" not in str(manifest)
            assert not re.search(r"://[^ ]*@", str(manifest))


@pytest.mark.parametrize("name", FOLDERS)
def test_every_container_is_the_same_image_of_this_release(name: str) -> None:
    """Every container names the image by this release's number, never `latest`."""
    images = {container["image"] for _who, container in containers(name)}
    assert images == {f"registry.example.com/tradecapture:{VERSION}"}


@pytest.mark.parametrize("name", FOLDERS)
def test_every_pod_is_confined(name: str) -> None:
    """A pod has no root, no rights and no token, writes only to /tmp, and has a memory limit."""
    for template in pods(name).values():
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["serviceAccountName"] in of_kind(name, "ServiceAccount")
        security = spec["securityContext"]
        assert (security["runAsNonRoot"], security["runAsUser"]) == (True, 10001)
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    for _who, container in containers(name):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp"]
        assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]
        assert "cpu" not in container["resources"]["limits"]
        # In exec form: no shell that would swallow SIGTERM.
        assert container.get("command", ["uvicorn"])[0] not in ("sh", "/bin/sh", "bash")


@pytest.mark.parametrize("name", FLEETS)
def test_the_probes_of_the_api_are_paths_of_the_api(name: str, api: Litestar) -> None:
    """Liveness and startup probes check only the process, readiness checks Redis."""
    paths = {path for route in api.routes for path in [route.path]}
    (container,) = pods(name)["api"]["spec"]["containers"]
    asked = {probe: container[probe]["httpGet"]["path"] for probe in PROBES}
    assert set(asked.values()) <= paths
    assert asked["startupProbe"] == asked["livenessProbe"] == "/actuator/health/liveness"
    assert asked["readinessProbe"] == "/actuator/health/readiness"
    ports = {port["name"] for port in container["ports"]}
    assert {container[probe]["httpGet"]["port"] for probe in PROBES} <= ports


@pytest.mark.parametrize("name", FLEETS)
def test_the_probes_of_a_worker_look_at_its_heartbeat(name: str) -> None:
    """The probes read the file that the settings name, in the writable /tmp, without Python."""
    (container,) = pods(name)["worker"]["spec"]["containers"]
    file = settings_of(name, "worker")["TRADECAPTURE_HEARTBEAT_FILE"]
    for probe in ("startupProbe", "livenessProbe"):
        command = container[probe]["exec"]["command"]
        assert command[:2] == ["find", file]
        assert "-30 seconds" in command
    assert file.startswith("/tmp/")
    # Where a hung process is noticed, an outage must not look like one: a black hole was seen to
    # keep a main process from its heart for 22 s, once.
    liveness = container["livenessProbe"]
    assert 30 + liveness["periodSeconds"] * (liveness["failureThreshold"] - 1) >= 50


@pytest.mark.parametrize("name", FLEETS)
def test_running_work_is_finished_before_a_pod_is_killed(name: str) -> None:
    """The grace period is longer than preStop and the longest work after SIGTERM together."""
    api = pods(name)["api"]["spec"]
    sleep, seconds = api["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert sleep == "sleep"
    assert int(seconds) >= 5  # until no endpoint leads there any more
    assert api["terminationGracePeriodSeconds"] >= int(seconds) + MAX_WAIT_SECONDS + 5
    worker = pods(name)["worker"]["spec"]
    needed = MAX_WAIT_SECONDS + worker_soft_shutdown_timeout
    assert worker["terminationGracePeriodSeconds"] >= max(60, needed)


@pytest.mark.parametrize("name", FOLDERS)
def test_every_selector_finds_its_pods(name: str) -> None:
    """Deployments, Services, budgets and spreads select their own pods; policies select some."""
    for who, manifest in of_kind(name, "Deployment").items():
        assert matching(name, manifest["spec"]["selector"]) == {who}
        for spread in pods(name)[who]["spec"].get("topologySpreadConstraints", []):
            assert matching(name, spread["labelSelector"]) == {who}
    for who, manifest in of_kind(name, "Service").items():
        assert matching(name, {"matchLabels": manifest["spec"]["selector"]}) == {who}
    for who, manifest in of_kind(name, "PodDisruptionBudget").items():
        assert matching(name, manifest["spec"]["selector"]) == {who}
    for manifest in of_kind(name, "NetworkPolicy").values():
        assert matching(name, manifest["spec"]["podSelector"])


@pytest.mark.parametrize("name", FOLDERS)
def test_only_what_is_needed_is_open(name: str) -> None:
    """Every pod is closed in both directions; only the API accepts connections."""
    policies = of_kind(name, "NetworkPolicy")
    closed = policies["default-deny"]["spec"]
    assert matching(name, closed["podSelector"]) == set(pods(name))
    assert set(closed["policyTypes"]) == {"Ingress", "Egress"}
    assert not closed.keys() & {"ingress", "egress"}
    names = policies["names"]["spec"]
    assert matching(name, names["podSelector"]) == set(pods(name))
    (to,) = names["egress"][0]["to"]
    assert to["podSelector"] == {"matchLabels": {"k8s-app": "kube-dns"}}
    asked: set[str] = set()
    for policy in policies.values():
        for rule in policy["spec"].get("ingress", []):
            asked |= matching(name, policy["spec"]["podSelector"])
            assert rule["from"]
            assert rule["ports"]
        for rule in policy["spec"].get("egress", []):
            assert rule["ports"]
    assert asked <= {"api"}


def test_only_submissions_are_sent_again_and_operators_stay_inside() -> None:
    """The ingress repeats only submissions, and does not lead to operators' actions."""
    for ingress in of_kind("production", "Ingress").values():
        rules = ingress["spec"]["rules"]
        shown = [path["path"] for path in chain(*(rule["http"]["paths"] for rule in rules))]
        assert all(path.startswith(("/api/v1/trades", "/api/v1/health")) for path in shown)
        annotations = ingress["metadata"]["annotations"]
        if "non_idempotent" in annotations["nginx.ingress.kubernetes.io/proxy-next-upstream"]:
            assert shown == ["/api/v1/trades/capture"]


@pytest.mark.parametrize("name", FLEETS)
def test_ports_agree(name: str) -> None:
    """The ports that a Service, an Ingress and a policy name exist."""
    named = {
        who: {port["name"] for port in container.get("ports", [])}
        for who, container in containers(name)
    }
    for who, service in of_kind(name, "Service").items():
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= named[who]
    for ingress in of_kind(name, "Ingress").values():
        for path in chain(*(rule["http"]["paths"] for rule in ingress["spec"]["rules"])):
            backend = path["backend"]["service"]
            ports = of_kind(name, "Service")[backend["name"]]["spec"]["ports"]
            assert backend["port"]["name"] in {port["name"] for port in ports}
    for policy in of_kind(name, "NetworkPolicy").values():
        for rule in policy["spec"].get("ingress", []):
            for who in matching(name, policy["spec"]["podSelector"]):
                assert {port["port"] for port in rule["ports"]} <= named[who]


@pytest.mark.parametrize("name", FLEETS)
def test_each_deployment_that_scales_has_one_autoscaler_and_no_count(name: str) -> None:
    """A second autoscaler, or a count in the file, would overwrite the autoscaler's decisions."""
    specs = [m["spec"] for m in manifests(name) if "scaleTargetRef" in m.get("spec", {})]
    targets = [spec["scaleTargetRef"]["name"] for spec in specs]
    assert sorted(targets) == ["api", "worker"]
    for who in targets:
        assert "replicas" not in of_kind(name, "Deployment")[who]["spec"]
    for autoscaler in of_kind(name, "HorizontalPodAutoscaler").values():
        assert autoscaler["spec"]["minReplicas"] >= 2
        (metric,) = autoscaler["spec"]["metrics"]
        assert metric["resource"]["name"] == "cpu"  # a share of what is requested, see above


@pytest.mark.parametrize("name", FLEETS)
def test_a_rollout_takes_no_capacity_away(name: str) -> None:
    """A rollout removes no running pod first, and a drained node removes some pods, never all."""
    budgets = of_kind(name, "PodDisruptionBudget")
    for who in ("api", "worker"):
        strategy = of_kind(name, "Deployment")[who]["spec"]["strategy"]
        assert strategy["rollingUpdate"]["maxUnavailable"] == 0
        assert budgets[who]["spec"]["maxUnavailable"] in (1, "25%")


def test_keda_asks_the_api_for_a_number_that_it_answers(api: Litestar) -> None:
    """The address is the Service's, the path is a route, and the field is in the answer."""
    (trigger,) = of_kind("production", "ScaledObject")["worker"]["spec"]["triggers"]
    asked = trigger["metadata"]
    service = of_kind("production", "Service")["api"]["metadata"]
    host = f"http://{service['name']}.{service['namespace']}.svc.cluster.local"
    path = asked["url"].removeprefix(host)
    assert path in {route.path for route in api.routes}
    assert asked["valueLocation"] in BacklogBody.__struct_encode_fields__
    assert trigger["metricType"] == "AverageValue"  # KEDA's fallback works with no other


def test_the_target_is_most_of_a_workers_processes() -> None:
    """The target is 70 % of a worker's processes, each of which has one claim at a time."""
    (trigger,) = of_kind("production", "ScaledObject")["worker"]["spec"]["triggers"]
    target = float(trigger["metadata"]["targetValue"])
    assert target == pytest.approx(0.7 * concurrency_of("production"))


@pytest.mark.parametrize("name", FLEETS)
def test_the_largest_fleet_fits_the_database(name: str) -> None:
    """Processes times pool size stay below the limit, at maximum replicas and during a rollout."""
    pool = int(settings_of(name, "api")["TRADECAPTURE_POOL_SIZE"])
    most = {who: max_replicas(name, who) for who in ("api", "worker")}
    processes = most["worker"] * concurrency_of(name) + most["api"]
    surge = -(-most["worker"] // 4) * concurrency_of(name) + 1
    assert (processes + surge) * pool <= CONNECTION_LIMIT


def concurrency_of(name: str) -> int:
    """Return how many processes a worker has."""
    (container,) = pods(name)["worker"]["spec"]["containers"]
    (option,) = [o for o in container["command"] if o.startswith("--concurrency=")]
    return int(option.removeprefix("--concurrency="))


def max_replicas(name: str, who: str) -> int:
    """Return the maximum number of replicas of a deployment."""
    specs: list[Manifest] = [
        manifest["spec"]
        for manifest in of_kind(name, "HorizontalPodAutoscaler", "ScaledObject").values()
        if manifest["spec"]["scaleTargetRef"]["name"] == who
    ]
    (spec,) = specs
    return int(spec.get("maxReplicas") or spec["maxReplicaCount"])
