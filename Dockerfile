# The dependencies of the project, pinned by hash. Code and data are the bound working directory: editing
# them needs no new image. `make image` makes containers/lets.sif of it; `snakemake --use-singularity` runs there.
ARG BASE_IMAGE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b
FROM ${BASE_IMAGE}

LABEL org.opencontainers.image.title="LETS-repro" \
    org.opencontainers.image.description="Dependencies of the LETS reproducibility pipeline; no code, no data" \
    org.opencontainers.image.licenses="MIT"

COPY requirements.lock /opt/requirements.lock
RUN python3 -m venv /opt/lets \
    && /opt/lets/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /opt/requirements.lock \
    && printf '#!/bin/sh\nexec python -m lets "$@"\n' > /opt/lets/bin/lets \
    && chmod +x /opt/lets/bin/lets \
    && useradd --create-home --uid 1000 lets

# The project's own source, relative to the working directory that a job is bound to.
ENV PATH=/opt/lets/bin:$PATH \
    PYTHONPATH=src \
    PYTHONDONTWRITEBYTECODE=1 \
    MPLCONFIGDIR=/tmp/matplotlib

USER 1000
WORKDIR /home/lets
CMD ["lets", "--help"]
