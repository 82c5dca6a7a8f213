# One image for API and worker: `docker build -t kontora .`
FROM python:3.12-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/kontora
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY connectors connectors
COPY agents agents
COPY workflows workflows
COPY worker worker
COPY api api
COPY cli cli
RUN /opt/kontora/bin/pip install ".[postgres]"

FROM python:3.12-slim
# A numeric user, so that an orchestrator can see that it is not root; /data is all it may write.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin kontora \
    && install --directory --owner=10001 --group=10001 --mode=0750 /data
COPY --from=build /opt/kontora /opt/kontora
ENV PATH=/opt/kontora/bin:$PATH \
    KONTORA_HOME=/data \
    KONTORA_HOST=0.0.0.0 \
    KONTORA_PORT=8765 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /data
USER 10001:10001
EXPOSE 8765
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=4 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8765/readyz', timeout=4)"]
ENTRYPOINT ["kontora"]
# It listens on every address of its container, so it wants a KONTORA_API_TOKEN.
CMD ["serve"]
