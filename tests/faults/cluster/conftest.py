"""Fixtures of deployments that keep their inboxes on a Redis Cluster."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.deployment.cluster_deployment import ClusterDeployment


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[ClusterDeployment]:
    """A deployment on a cluster of three nodes."""
    with ClusterDeployment(tmp_path / "deployment") as deployment:
        yield deployment


@pytest.fixture
def replicated_deployment(tmp_path: Path) -> Iterator[ClusterDeployment]:
    """A deployment on a cluster of three nodes with one replica each."""
    with ClusterDeployment(tmp_path / "deployment", replicas=3) as deployment:
        yield deployment
