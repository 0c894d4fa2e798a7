"""Batch jobs: which trades a batch brought in, kept in Redis for the idempotency window."""

import re
from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b

import msgspec
from msgspec import Struct
from redis import Redis

KEY_PREFIX = "tc:job:"
JOB_PREFIX = "batch-"
DIGEST_BYTES = 16  # 128 bits: no accidental collision in 10^15 batches

_JOB_ID = re.compile(rf"{JOB_PREFIX}[0-9a-f]{{{2 * DIGEST_BYTES}}}")


class BatchJob(Struct, frozen=True, array_like=True):
    """The trades of a batch that were accepted, and how many were not."""

    created_at: datetime
    trade_ids: Sequence[str]
    refused: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(BatchJob)


class BatchJobs:
    """The batch jobs of a deployment. Every process of the API sees all of them."""

    def __init__(self, redis: "Redis", expiry_seconds: int) -> None:
        self._redis, self._expiry_seconds = redis, expiry_seconds

    def keep(self, job_id: str, job: BatchJob) -> None:
        """Keep a job until it expires; a batch that is sent again replaces its own.

        Raises:
            redis.exceptions.RedisError: it was not kept.
        """
        self._redis.set(KEY_PREFIX + job_id, _encoder.encode(job), ex=self._expiry_seconds)

    def find(self, job_id: str) -> BatchJob | None:
        """Return a job, or None if there is none or it has expired.

        Raises:
            redis.exceptions.RedisError: out of reach.
        """
        raw = self._redis.get(KEY_PREFIX + job_id)
        return _decoder.decode(raw) if isinstance(raw, bytes) else None


def batch_job_id(body: bytes) -> str:
    """Return the job id of a batch: a digest of its bytes, so that a resend has the same one."""
    return JOB_PREFIX + blake2b(body, digest_size=DIGEST_BYTES).hexdigest()


def is_batch_job_id(text: str) -> bool:
    """Return whether a text is the job id of a batch."""
    return _JOB_ID.fullmatch(text) is not None
