"""A cluster over TLS with a user of few rights, set up as the documents say."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from redis.exceptions import RedisError

from tests.support.builders import submissions
from tests.support.inbox.redis_snapshot import claimed
from tests.support.servers.proxies.tls_proxy import TlsProxy
from tests.support.servers.redis.cluster_servers import ClusterServers
from tests.support.servers.settings import CONNECT_SECONDS
from tradecapture.inbox import Completion, Inbox, InboxReader, connect_redis
from tradecapture.local.servers.ports import LOOPBACK
from tradecapture.settings import Settings
from tradecapture.trades.receipt import Receipt

DOCUMENT = Path(__file__).parents[3] / "docs" / "high-availability.md"
PASSWORD, ENCODED = "p@ss/w:rd", "p%40ss%2Fw%3Ard"


@pytest.fixture
def behind_tls(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a cluster of one node, and the certificate to trust."""
    authority, trusted = trustme.CA(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))
    servers = ClusterServers(tmp_path / "cluster", masters=1)
    (node,) = servers.masters
    with TlsProxy(authority.issue_cert(LOOPBACK), (LOOPBACK, node.port)) as proxy:
        node.announced_port = proxy.port
        with servers, node.redis() as redis:
            rules = re.search(
                r"ACL SETUSER (tradecapture reset .*?)```", DOCUMENT.read_text(), re.S
            )
            assert rules is not None
            words = rules[1].replace("\\\n", " ").replace(">PASSWORD", f">{PASSWORD}").split()
            redis.execute_command("ACL SETUSER", *words)
            yield f"{LOOPBACK}:{proxy.port}", trusted


def test_inboxes_on_a_cluster_over_tls(behind_tls: tuple[str, Path], settings: Settings) -> None:
    """The documented user can accept, claim and complete. No other certificate is trusted."""
    address, trusted = behind_tls
    url = f"rediss+cluster://tradecapture:{ENCODED}@{address}?ssl_ca_certs={trusted};"
    url += f"rediss+cluster://{address}"
    with connect_redis(url, CONNECT_SECONDS) as redis:
        inbox = Inbox(redis, replace(settings, redis_url=url))
        inbox.probe_write()
        answers = inbox.accept(submissions(3)).answers
        assert all(isinstance(answer, Receipt) for answer in answers), answers
        claim = claimed(inbox)
        assert inbox.complete(0, claim.token, [Completion(claim.partition_keys[0], 3)]) == [True]
        reader = InboxReader(redis, 1)
        assert [row.waiting for row in reader.partitions()] == [0]
        assert reader.now_ms()
    with (
        connect_redis(url.replace(f"?ssl_ca_certs={trusted}", ""), CONNECT_SECONDS) as redis,
        pytest.raises(RedisError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        redis.get("tc:lanes")
