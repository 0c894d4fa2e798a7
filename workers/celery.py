"""The Celery app of the fleet."""

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
process.settings()  # before Celery reads its own configuration from them
app = Celery("tradecapture", include=["workers.tasks"], events=Events)
app.config_from_object("celeryconfig")
app.steps["worker"].add(Heartbeat)
app.steps["consumer"].add(Sweep)

worker_init.connect(process.check_before_work)
# Connections are made after the fork: two processes must never share one.
worker_process_init.connect(process.start)
worker_process_shutdown.connect(process.stop)
