# The image of API, worker, Flower and command line: one image, the command decides.
#
#   docker build -t tradecapture:local .
#
# Reproducible: what is installed comes from requirements.lock, each file with its hash. No step
# needs BuildKit, so that any engine builds it.

ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS build
# Bytecode is made below, for all at once and without times in it.
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_COMPILE=1 PIP_ROOT_USER_ACTION=ignore \
    SOURCE_DATE_EPOCH=1700000000
RUN ["python3", "-m", "venv", "/build"]
RUN ["python3", "-m", "venv", "--without-pip", "/opt/tradecapture"]
WORKDIR /source
# The dependencies first: these layers stay as they are until a lock file changes. What has no wheel
# is built with the locked setuptools, not with whatever an isolated build would fetch.
COPY requirements.lock requirements-build.lock ./
RUN ["/build/bin/pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", "requirements-build.lock"]
RUN ["/build/bin/pip", "wheel", "--quiet", "--require-hashes", "--no-deps", "--no-build-isolation", "--wheel-dir", "/wheels", "-r", "requirements.lock"]
RUN /build/bin/pip --python /opt/tradecapture/bin/python install --quiet --no-deps --no-index /wheels/*.whl
RUN ["/opt/tradecapture/bin/python", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "/opt/tradecapture/lib"]
COPY setup.cfg pyproject.toml README.md celeryconfig.py ./
COPY tradecapture tradecapture
COPY workers workers
RUN ["/build/bin/pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", "/own", "."]
# With a look at what it needs: a lock file that lacks something fails here.
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
# 10001: no user of any host; by number, so that Kubernetes' runAsNonRoot can tell.
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
# To the main process alone, which ends the others; a shell in between would swallow it.
STOPSIGNAL SIGTERM
# The API's. Workers and Flower have their own in docker-compose.yml and deploy/kubernetes.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/actuator/health/readiness', timeout=4)"]
# Longer kept alive than nginx keeps its connections (60 s), so that no request meets a closing one.
CMD ["uvicorn", "--factory", "tradecapture.api.app:create_app", "--host", "0.0.0.0", "--port", "8080", "--no-access-log", "--timeout-keep-alive", "75", "--timeout-graceful-shutdown", "35"]
