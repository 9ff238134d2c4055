# One image serves the web and every agent: the command says which. Build from the repository's root:
#   docker build -f deploy/docker/hub.Dockerfile -t lineagehub:0.1.0 .

FROM python:3.13-slim-bookworm AS builder
# aiochclient comes as source only and compiles a small extension.
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY lineagehub lineagehub
COPY agents agents
# The lock also holds the embedded parts (800 MB) and the development tools: here its versions bind what the two wheels need, no more.
RUN sed -E 's/ *\\$//; /--hash/d' requirements.lock > versions.txt \
    && python -m venv /opt/lineagehub \
    && /opt/lineagehub/bin/pip install --no-cache-dir -c versions.txt . ./agents

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --create-home lineagehub
COPY --from=builder /opt/lineagehub /opt/lineagehub
ENV PATH=/opt/lineagehub/bin:$PATH PYTHONUNBUFFERED=1
USER lineagehub
EXPOSE 8080 9101
ENTRYPOINT ["lineagehub"]
CMD ["serve"]
