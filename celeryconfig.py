"""Celery's configuration: the one place for brokers, queues and worker behaviour.

Each value that is not Celery's default has its reason. Source of the facts: docs/decisions and
the documentation of Celery 5.7 and kombu 5.7.
"""

import os

from kombu.entity import Queue

from tradecapture.capture.messages import SUBMIT_QUEUE, SUBMIT_TASK, queue_of
from tradecapture.connections.brokers.rabbitmq import HEARTBEAT_SECONDS, amqp_options, is_amqp
from tradecapture.connections.brokers.sentinel import sentinel_options
from tradecapture.connections.urls import celery_url, is_sentinel, tls_options
from tradecapture.settings import Settings

_settings = Settings.from_environment(os.environ)

broker_url = celery_url(_settings.broker)
broker_use_ssl = tls_options(_settings.broker)
broker_connection_retry_on_startup = True
# However long the broker is away, a worker waits for it; Celery would end it after 100 tries.
broker_connection_max_retries = None
worker_consumer = "workers.consumer:Consumer"  # looks every second, not ever more rarely
# What a full Redis refuses all the same (workers.broker carries the bells) is no reason to end:
# Celery would end the worker for it; so it connects again, until there is memory.
broker_channel_error_retry = True
broker_transport_options = {
    # A bell is worth nothing after a minute: the sweep has rung again long before.
    "visibility_timeout": 60,
    # Each priority step is one more key in every BRPOP; bells have no priority.
    "priority_steps": [0],
    # Without it a publish on a dead connection waits for ever.
    "socket_timeout": _settings.connect_seconds + 2,
    "socket_connect_timeout": _settings.connect_seconds,
    "socket_keepalive": True,
}

if is_sentinel(broker_url):
    broker_transport_options |= sentinel_options(_settings.broker, _settings.sentinels)

if is_amqp(broker_url):
    broker_transport_options = amqp_options(_settings.connect_seconds)
    broker_connection_timeout = _settings.connect_seconds
    broker_heartbeat = HEARTBEAT_SECONDS
    # A worker's own queue is not of one connection: that of a lost one, until RabbitMQ notices its
    # end, would be in the worker's way when it comes back. So it must last, from 4.3 on.
    control_queue_exclusive = False
    control_queue_durable = True

# JSON only: a pickled message is refused, not run.
task_serializer = "json"
accept_content = ["json"]
# No result backend: what became of a trade is read from the ledger. Flower shows a capture's
# result from its event all the same.
task_ignore_result = True

task_queues = [Queue(queue_of(lane)) for lane in range(_settings.lanes)] + [Queue(SUBMIT_QUEUE)]
task_default_queue = SUBMIT_QUEUE
task_create_missing_queues = False
# Mandatory: should the queue be gone, RabbitMQ tells the sender instead of dropping the trade.
task_routes = {SUBMIT_TASK: {"queue": SUBMIT_QUEUE, "mandatory": True}}

# A bell that waits behind a running capture belongs to whichever worker is free: take one at a
# time, and acknowledge it when it is answered. Its loss or its repetition does no harm.
worker_prefetch_multiplier = 1
task_acks_late = True

# Flower shows capture tasks from these events: three a batch, not three a trade.
worker_send_task_events = True

# SIGTERM finishes the captures in hand, which takes one time budget. Should one hang, a second
# signal gives it this many seconds more.
worker_soft_shutdown_timeout = 10.0
# Recycled before a leak could matter: 10,000 captures are hours of work.
worker_max_tasks_per_child = 10_000
