# The reviewer for CI, with the engine (vLLM) and the embedded model inside; about 6 GB. A job then downloads nothing:
#
#   docker build --tag vllm-reviewer .
#   docker run --rm --network none --shm-size 1g --volume "$PWD:/repository" vllm-reviewer reviewer review HEAD
#
# Engine and model come from the pins in reviewer/engine/pins.toml. For the same bytes on every build, name the base
# image by its digest.
FROM debian:bookworm-slim

ARG MODEL=1.5b

# The base image and its archive decide the versions.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates git libnuma1 python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 reviewer \
    # A mounted repository belongs to the host's user.
    && git config --system --add safe.directory '*'

ENV PATH=/opt/reviewer/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    REVIEWER_EMBEDDED=$MODEL \
    REVIEWER_HOME=/home/reviewer/.reviewer

COPY . /src
RUN python3 -m venv /opt/reviewer \
    && pip install /src \
    && rm -rf /src

USER 1000
RUN reviewer engine install --yes \
    && reviewer model install "--embedded=$MODEL"

WORKDIR /repository
CMD ["reviewer", "ci"]
