"""How Redis and Celery's broker are reached: URLs, TLS, Sentinel, Cluster, RabbitMQ."""
