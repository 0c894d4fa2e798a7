# One image for API, worker, Flower and command line; the command decides which one runs.
#
#   docker build -t tradecapture:local .
#
# Reproducible: it installs the files of requirements.lock, each checked by its hash. No step needs
# BuildKit, so that any engine builds it.

ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS build
# Bytecode is compiled below, for all packages at once and without timestamps.
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_COMPILE=1 PIP_ROOT_USER_ACTION=ignore \
    SOURCE_DATE_EPOCH=1700000000
RUN ["python3", "-m", "venv", "/build"]
RUN ["python3", "-m", "venv", "--without-pip", "/opt/tradecapture"]
WORKDIR /source
# Dependencies first: these layers change only with a lock file. A package without a wheel is built
# with the locked setuptools, and not with a version that an isolated build would fetch.
COPY requirements.lock requirements-build.lock ./
RUN ["/build/bin/pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", "requirements-build.lock"]
RUN ["/build/bin/pip", "wheel", "--quiet", "--require-hashes", "--no-deps", "--no-build-isolation", "--wheel-dir", "/wheels", "-r", "requirements.lock"]
RUN /build/bin/pip --python /opt/tradecapture/bin/python install --quiet --no-deps --no-index /wheels/*.whl
RUN ["/opt/tradecapture/bin/python", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "/opt/tradecapture/lib"]
COPY setup.cfg pyproject.toml README.md celeryconfig.py ./
COPY tradecapture tradecapture
COPY workers workers
RUN ["/build/bin/pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", "/own", "."]
# With a check of the dependencies: an incomplete lock file fails here.
RUN /build/bin/pip --python /opt/tradecapture/bin/python install --quiet --no-index /own/*.whl
RUN ["/opt/tradecapture/bin/python", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "/opt/tradecapture/lib"]

FROM ${PYTHON_IMAGE}
ARG VERSION=0.3.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="tradecapture" \
      org.opencontainers.image.description="Captures trades, in order and exactly once, into a ledger" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# 10001: not a user of any host. A number, because Kubernetes' runAsNonRoot needs one.
RUN ["groupadd", "--gid", "10001", "tradecapture"]
RUN ["useradd", "--uid", "10001", "--gid", "10001", "--no-create-home", "--home-dir", "/tmp", "--shell", "/usr/sbin/nologin", "tradecapture"]
COPY --from=build /opt/tradecapture /opt/tradecapture
ENV PATH=/opt/tradecapture/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONFAULTHANDLER=1
WORKDIR /tmp
USER 10001:10001
EXPOSE 8080
# For the main process, which ends the others. A shell in between would swallow the signal.
STOPSIGNAL SIGTERM
# Of the API. Workers and Flower have other checks in docker-compose.yml and deploy/kubernetes.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/actuator/health/readiness', timeout=4)"]
# Keep-alive is longer than that of nginx (60 s), so that no request meets a closing connection.
CMD ["uvicorn", "--factory", "tradecapture.api.app:create_app", "--host", "0.0.0.0", "--port", "8080", "--no-access-log", "--timeout-keep-alive", "75", "--timeout-graceful-shutdown", "35"]
