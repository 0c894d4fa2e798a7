"""The Celery app of the workers, and what each worker process does when it starts."""

from celery import Celery
from celery.signals import worker_init, worker_process_init, worker_process_shutdown

from tradecapture.connections.brokers.options import register_transports
from tradecapture.logs import configure_logs
from workers import process
from workers.events import Events
from workers.heartbeat import Heartbeat
from workers.sweep import Sweep

configure_logs()
register_transports(worker=True)
process.settings()  # a bad setting is reported in words here, before celeryconfig reads it
app = Celery("tradecapture", include=["workers.tasks"], events=Events)
app.config_from_object("celeryconfig")
app.steps["worker"].add(Heartbeat)
app.steps["consumer"].add(Sweep)

worker_init.connect(process.check_at_start)
# A process connects after the fork, because two processes must never share a connection.
worker_process_init.connect(process.start)
worker_process_shutdown.connect(process.stop)
