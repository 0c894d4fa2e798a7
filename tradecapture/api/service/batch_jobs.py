"""Batch jobs: the accepted trades of each batch, in Redis for the idempotency window."""

import re
from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b

import msgspec
from msgspec import Struct
from redis import Redis

KEY_PREFIX = "tc:job:"
JOB_PREFIX = "batch-"
DIGEST_BYTES = 16  # 128 bits: no accidental collision among 10^15 batches

_JOB_ID = re.compile(rf"{JOB_PREFIX}[0-9a-f]{{{2 * DIGEST_BYTES}}}")


class BatchJob(Struct, frozen=True, array_like=True):
    """The ids of a batch's accepted trades, and the number of its refused trades."""

    created_at: datetime
    trade_ids: Sequence[str]
    refused: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(BatchJob)


class BatchJobs:
    """Stores the batch jobs of a deployment, for all processes of the API."""

    def __init__(self, redis: "Redis", expiry_seconds: int) -> None:
        self._redis, self._expiry_seconds = redis, expiry_seconds

    def store(self, job_id: str, job: BatchJob) -> None:
        """Store a job until it expires. A batch that is sent again replaces its own job.

        Raises:
            redis.exceptions.RedisError: the job was not stored.
        """
        self._redis.set(KEY_PREFIX + job_id, _encoder.encode(job), ex=self._expiry_seconds)

    def find(self, job_id: str) -> BatchJob | None:
        """Return a job; None if no such job was stored, or it has expired.

        Raises:
            redis.exceptions.RedisError: Redis does not answer.
        """
        raw = self._redis.get(KEY_PREFIX + job_id)
        return _decoder.decode(raw) if isinstance(raw, bytes) else None


def batch_job_id(body: bytes) -> str:
    """Return the job id of a batch: a digest of its bytes. A resend gets the same job id."""
    return JOB_PREFIX + blake2b(body, digest_size=DIGEST_BYTES).hexdigest()


def is_batch_job_id(text: str) -> bool:
    """Return whether a text is the job id of a batch."""
    return _JOB_ID.fullmatch(text) is not None
