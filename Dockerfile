# A model of tables as a service: its process is not root's, and the file system may be read-only.
#
#   docker build --tag handgrad .
#   docker run --rm --read-only --tmpfs /tmp --publish 127.0.0.1:8000:8000 \
#     --volume "$PWD/runs/customers-1/model.safetensors:/model.safetensors:ro" handgrad
#
# Any image with Python 3.11 or newer and its venv can be the base: --build-arg BASE=…
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
COPY . /source
RUN python3 -m venv /opt/handgrad \
    && /opt/handgrad/bin/python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels /source \
    && /opt/handgrad/bin/python -m pip install --no-cache-dir --constraint /source/constraints.txt \
        "$(echo /wheels/handgrad-*.whl)[serve]"

FROM ${BASE}
COPY --from=build /opt/handgrad /opt/handgrad
# Machine code is cached where a read-only file system can be written.
ENV PATH="/opt/handgrad/bin:$PATH" HANDGRAD_CACHE=/tmp/handgrad PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 8000
ENTRYPOINT ["handgrad"]
CMD ["serve", "/model.safetensors", "--host", "0.0.0.0"]
