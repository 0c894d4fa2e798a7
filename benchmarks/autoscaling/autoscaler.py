"""Kubernetes' horizontal pod autoscaler, as its documentation describes it. No I/O.

KEDA creates such an autoscaler from a ScaledObject and gives it the metric.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

SYNC_SECONDS = 15  # kube-controller-manager's --horizontal-pod-autoscaler-sync-period
HISTORY_SECONDS = 3600  # the longest stabilization window that Kubernetes allows
TOLERANCE = 0.1  # --horizontal-pod-autoscaler-tolerance


@dataclass(frozen=True)
class ScalingRules:
    """How fast the number of pods may change in one direction."""

    window_seconds: int
    policies: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, behavior: Mapping[str, Any]) -> "ScalingRules":
        """Read `scaleUp` or `scaleDown` of a `behavior`."""
        return cls(behavior["stabilizationWindowSeconds"], behavior["policies"])


@dataclass(frozen=True)
class Policy:
    """An autoscaler as a manifest describes it."""

    min_pods: int
    max_pods: int
    target: float  # of the metric, for each pod
    up: ScalingRules
    down: ScalingRules


@dataclass
class Autoscaler:
    """Decides on the number of pods, and remembers its recommendations and changes."""

    policy: Policy
    replicas: int
    _recommendations: list[tuple[int, int]] = field(default_factory=list)  # second, replicas
    _changes: list[tuple[int, int]] = field(default_factory=list)  # second, pods more or fewer

    def decide(self, second: int, usage: float) -> int:
        """Return how many pods there should be now.

        Args:
            second: the time.
            usage: the metric, summed over all pods.
        """
        policy = self.policy
        replicas = self.replicas
        if abs(usage / (policy.target * self.replicas) - 1) > TOLERANCE:
            replicas = ceil(round(usage / policy.target, 9))
        replicas = min(max(replicas, policy.min_pods), policy.max_pods)
        since = second - HISTORY_SECONDS
        self._recommendations = [
            *((at, number) for at, number in self._recommendations if at >= since),
            (second, replicas),
        ]
        # It grows no higher than the lowest recommendation in the window, and shrinks no lower
        # than the highest.
        highest = min(self._recommended_since(second - policy.up.window_seconds))
        lowest = max(self._recommended_since(second - policy.down.window_seconds))
        stable = min(max(self.replicas, highest), lowest)
        if stable > self.replicas:
            stable = min(stable, max(self._limits(policy.up, second, 1)))
        elif stable < self.replicas:
            stable = max(stable, min(self._limits(policy.down, second, -1)))
        if stable != self.replicas:
            changes = [(at, pods) for at, pods in self._changes if at >= since]
            self._changes = [*changes, (second, stable - self.replicas)]
        self.replicas = stable
        return stable

    def _recommended_since(self, second: int) -> list[int]:
        return [replicas for at, replicas in self._recommendations if at >= second]

    def _limits(self, rules: ScalingRules, second: int, sign: int) -> list[int]:
        """Return how far each policy allows to go now; the most generous one decides."""
        limits = []
        for policy in rules.policies:
            since = second - policy["periodSeconds"]
            start = self.replicas - sum(pods for at, pods in self._changes if at > since)
            step = policy["value"]
            if policy["type"] == "Percent":
                step = ceil(start * step / 100)
            limits.append(start + sign * step)
        return limits
