"""RabbitMQ as the broker of the bells: a real server, real workers, real kills."""
