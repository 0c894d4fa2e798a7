"""Deployments whose inboxes are on a cluster of a test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.deployment.cluster_deployment import ClusterDeployment


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[ClusterDeployment]:
    """Three nodes."""
    with ClusterDeployment(tmp_path / "deployment") as deployment:
        yield deployment


@pytest.fixture
def replicated_deployment(tmp_path: Path) -> Iterator[ClusterDeployment]:
    """Three nodes, each of which has a replica."""
    with ClusterDeployment(tmp_path / "deployment", replicas=3) as deployment:
        yield deployment
