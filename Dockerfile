# Costwire's command line, with the locked dependencies.  State and bills are in /data:
#   docker build -t costwire . && docker run --rm costwire
#   docker run --rm -v "$PWD:/data" --user "$(id -u)" costwire import YOUR-BILL.csv
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/costwire
RUN /opt/costwire/bin/python -m pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY common ./common
COPY functions ./functions
COPY costwire ./costwire
COPY web ./web
RUN /opt/costwire/bin/python -m pip wheel --no-deps --no-build-isolation --no-index --wheel-dir wheels .
RUN /opt/costwire/bin/python -m pip install --no-deps --no-index wheels/costwire-*.whl

FROM python:3.11-slim
COPY --from=build /opt/costwire /opt/costwire
ENV PATH=/opt/costwire/bin:$PATH PYTHONUNBUFFERED=1
RUN useradd --uid 10001 --create-home costwire && install --directory --owner=costwire /data
USER 10001
WORKDIR /data
ENTRYPOINT ["costwire"]
CMD ["demo"]
