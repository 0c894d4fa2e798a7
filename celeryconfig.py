"""Celery's settings: brokers, queues and worker behaviour, each with its reason.

Celery reads them by the names of this module. Sources: docs/decisions, and the documentation of
Celery 5.7 and kombu 5.7.
"""

import os

from kombu.entity import Queue

from tradecapture.capture.messages import SUBMIT_QUEUE, SUBMIT_TASK, queue_of
from tradecapture.connections.brokers.options import broker_settings
from tradecapture.settings import Settings

_settings = Settings.from_environment(os.environ)

# The broker's address, TLS, transport options and, for RabbitMQ, its heartbeat and control queue.
globals().update(broker_settings(_settings.broker, _settings.connect_seconds, _settings.sentinels))

# A worker may start before its broker. From Celery 6.0 on, only this setting makes it wait.
broker_connection_retry_on_startup = True
# A worker waits for its broker however long that takes. Celery would exit after 100 attempts.
broker_connection_max_retries = None
# A full Redis still refuses some commands of Celery, although bells get through (see
# `connections/brokers/redis.py`). Celery would end the worker for that error. With this setting
# the worker reconnects until Redis has memory again.
broker_channel_error_retry = True
# This consumer retries a lost broker every second. Celery's would wait longer after each attempt.
worker_consumer = "workers.consumer:Consumer"

# A worker rejects a pickled message instead of unpickling it, which could run any code.
task_serializer = "json"
accept_content = ["json"]
# There is no result backend: the ledger holds the outcome of each trade. Flower still shows the
# result of a capture, which it reads from the task's event.
task_ignore_result = True

task_queues = [Queue(queue_of(lane)) for lane in range(_settings.lanes)] + [Queue(SUBMIT_QUEUE)]
task_default_queue = SUBMIT_QUEUE
# A task for a queue that is not listed above is an error. Celery would create the queue, and no
# worker would read it.
task_create_missing_queues = False
# Mandatory: if the queue does not exist, RabbitMQ tells the sender instead of dropping the trade.
task_routes = {SUBMIT_TASK: {"queue": SUBMIT_QUEUE, "mandatory": True}}

# A worker fetches one bell for each of its processes, so that no bell waits for a busy worker while
# another is free. It acknowledges a bell after the capture. A lost or repeated bell is harmless.
worker_prefetch_multiplier = 1
task_acks_late = True

# Flower shows capture tasks from these events: three for each batch of trades.
worker_send_task_events = True

# On SIGTERM a worker finishes its running captures, which takes one time budget. If a capture
# hangs, a second signal ends the worker after this many more seconds.
worker_soft_shutdown_timeout = 10.0
# A process is replaced before a memory leak could matter: 10,000 captures are hours of work.
worker_max_tasks_per_child = 10_000
