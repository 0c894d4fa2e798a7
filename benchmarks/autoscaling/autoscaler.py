"""The autoscaler: what Kubernetes' horizontal pod autoscaler decides, as its documents say. Pure.

KEDA makes such an autoscaler of a ScaledObject and answers it with the metric.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

SYNC_SECONDS = 15  # kube-controller-manager's --horizontal-pod-autoscaler-sync-period
REMEMBERED_SECONDS = 3600  # the longest window that there may be
TOLERANCE = 0.1  # its --horizontal-pod-autoscaler-tolerance


@dataclass(frozen=True)
class Rules:
    """How fast it goes in one direction."""

    window_seconds: int
    policies: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Rules":
        """Read a direction of a `behavior`."""
        return cls(given["stabilizationWindowSeconds"], given["policies"])


@dataclass(frozen=True)
class Policy:
    """An autoscaler as a manifest describes it."""

    least: int
    most: int
    target: float  # of the metric, for each pod
    up: Rules
    down: Rules


@dataclass
class Autoscaler:
    """Decides, and remembers what it has decided."""

    policy: Policy
    replicas: int
    _wanted: list[tuple[int, int]] = field(default_factory=list)  # second, replicas
    _changes: list[tuple[int, int]] = field(default_factory=list)  # second, pods more or fewer

    def decide(self, second: int, usage: float) -> int:
        """Return how many pods there shall be.

        Args:
            second: the time.
            usage: the metric, of all pods together.
        """
        policy = self.policy
        wanted = self.replicas
        if abs(usage / (policy.target * self.replicas) - 1) > TOLERANCE:
            wanted = ceil(round(usage / policy.target, 9))
        wanted = min(max(wanted, policy.least), policy.most)
        since = second - REMEMBERED_SECONDS
        self._wanted = [*((at, w) for at, w in self._wanted if at >= since), (second, wanted)]
        # Up no higher than the least wanted within the window, down no lower than the most.
        highest = min(self._within(policy.up.window_seconds, second))
        lowest = max(self._within(policy.down.window_seconds, second))
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

    def _within(self, window_seconds: int, second: int) -> list[int]:
        return [wanted for at, wanted in self._wanted if at >= second - window_seconds]

    def _limits(self, rules: Rules, second: int, sign: int) -> list[int]:
        """Return how far each policy allows to go now; the one that allows most has the say."""
        limits = []
        for policy in rules.policies:
            since = second - policy["periodSeconds"]
            start = self.replicas - sum(pods for at, pods in self._changes if at > since)
            step = policy["value"]
            if policy["type"] == "Percent":
                step = ceil(start * step / 100)
            limits.append(start + sign * step)
        return limits
