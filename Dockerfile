# The worker for containers (target `worker`, the default) and the functions for Lambda (target
# `lambda`), made of the same code.
#
#   docker build --build-arg REVISION=$(git rev-parse HEAD) -t hautech-worker:dev .
#   docker build --build-arg REVISION=$(git rev-parse HEAD) --target lambda -t hautech-worker-lambda:dev .
#
# A tag moves. To build on the same base each time, name its digest as well:
#   --build-arg BASE_IMAGE=python:3.13-slim@sha256:…
ARG BASE_IMAGE=python:3.13-slim


# pip and hatchling, which no image ships.
FROM ${BASE_IMAGE} AS tools
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore \
    PIP_ONLY_BINARY=:all: PIP_NO_COMPILE=1 PIP_REQUIRE_VIRTUALENV=1
# What compileall writes depends on the order of sets.
ENV PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1
WORKDIR /src
COPY requirements/build.txt requirements/
RUN python3 -m venv /opt/tools \
    && /opt/tools/bin/pip install --require-hashes -r requirements/build.txt
COPY infra/__init__.py infra/
COPY infra/lambda_package/__init__.py infra/lambda_package/errors.py infra/lambda_package/prune.py \
    infra/lambda_package/
COPY infra/image/__init__.py infra/image/trim.py infra/image/
# Ships: an environment of its own, without pip.
RUN python3 -m venv --without-pip /opt/hautech-worker


# What the worker depends on, apart from its code: a new version of the worker leaves this layer as
# it is. Byte code is made here, since nothing can be written where it runs, and is not checked
# against its source, whose date each build may change (PEP 552, unchecked).
FROM tools AS worker-dependencies
COPY requirements/runtime.txt requirements/
RUN /opt/tools/bin/pip --python /opt/hautech-worker/bin/python install --require-hashes \
        -r requirements/runtime.txt \
    && python3 -m infra.image.trim /opt/hautech-worker \
    && python3 -m compileall -q -j 1 --invalidation-mode unchecked-hash /opt/hautech-worker/lib


FROM tools AS lambda-dependencies
COPY requirements/lambda-image.txt requirements/
RUN /opt/tools/bin/pip --python /opt/hautech-worker/bin/python install --require-hashes \
        -r requirements/lambda-image.txt \
    && python3 -m infra.image.trim /opt/hautech-worker \
    && python3 -m compileall -q -j 1 --invalidation-mode unchecked-hash /opt/hautech-worker/lib


# The worker itself, in a folder to lay over its dependencies.
FROM tools AS code
COPY pyproject.toml README.md LICENSE ./
COPY worker worker
RUN /opt/tools/bin/pip --python /opt/tools/bin/python wheel --no-build-isolation --no-deps \
        --wheel-dir /wheels . \
    && /opt/tools/bin/pip --python /opt/hautech-worker/bin/python install --no-index --no-deps \
        --root /overlay /wheels/*.whl \
    && python3 -m compileall -q -j 1 --invalidation-mode unchecked-hash -s /overlay -p / \
        /overlay/opt/hautech-worker/lib


# What both images have in common.
FROM ${BASE_IMAGE} AS base
ARG BASE_IMAGE
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="hautech-worker" \
    org.opencontainers.image.description="Turns product photos into model photos" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.source="${SOURCE}" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.base.name="${BASE_IMAGE}"
# SAFEPATH: nothing is imported from the folder that a process happens to run in.
ENV PATH=/opt/hautech-worker/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 PYTHONSAFEPATH=1 PYTHONUNBUFFERED=1
WORKDIR /
# A number, so that Kubernetes sees without a look into the image that it is not root.
USER 10001:10001


# Lambda runs it as a user of its own. Each function names its handler as the command.
FROM base AS lambda
COPY --from=lambda-dependencies /opt/hautech-worker /opt/hautech-worker
COPY --from=code /overlay/opt/hautech-worker/lib /opt/hautech-worker/lib
ENTRYPOINT ["/opt/hautech-worker/bin/python", "-m", "awslambdaric"]
CMD ["worker.runtime.aws_lambda.handle_requests"]


FROM base AS worker
COPY --from=worker-dependencies /opt/hautech-worker /opt/hautech-worker
COPY --from=code /overlay/opt/hautech-worker /opt/hautech-worker
# Pictures over 8 MB go through a file. Fargate mounts what a task asks for as root's; only what is
# a volume here as well keeps the permissions that it has here.
# Source: ECS Developer Guide, "Use bind mounts with Amazon ECS".
VOLUME ["/tmp"]
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "-m", "worker.runtime.probe"]
# No shell in between: the worker is process 1 and gets the signal that asks it to stop.
STOPSIGNAL SIGTERM
CMD ["hautech-worker", "run"]
