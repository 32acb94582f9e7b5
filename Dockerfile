# syntax=docker/dockerfile:1
# Glassway as one image: both binaries, nothing to build with, no root.
#
#   docker build -t glassway .
#       builds everything inside, the web UI first;
#   docker build -t glassway --build-arg BINARIES=prebuilt .
#       takes glassway-proxy and glassway-monitor from dist/bin, built for this
#       image's glibc (Debian 12) or statically linked.
#
# What it runs is told by the command: glassway-proxy (the default) or
# glassway-monitor; compose.yaml starts both on one volume.

ARG DEBIAN=debian:bookworm-slim
ARG NODE=node:22-bookworm-slim
ARG RUST=rust:1-bookworm
# built | prebuilt
ARG BINARIES=built

FROM ${NODE} AS ui
WORKDIR /glassway/monitor/ui
COPY monitor/ui/package.json monitor/ui/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY monitor/ui ./
RUN npm run build

FROM ${RUST} AS built
WORKDIR /glassway
COPY . .
COPY --from=ui /glassway/monitor/ui/dist monitor/ui/dist
RUN cargo build --release --locked -p glassway-proxy -p glassway-monitor \
 && mkdir -p /out \
 && cp target/release/glassway-proxy target/release/glassway-monitor /out/

FROM scratch AS prebuilt
COPY dist/bin/glassway-proxy dist/bin/glassway-monitor /out/

# hadolint ignore=DL3006
FROM ${BINARIES} AS binaries

# hadolint ignore=DL3006
FROM ${DEBIAN} AS glassway
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Glassway" \
      org.opencontainers.image.description="A see-through gateway for LLM APIs: proxy and monitor" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# A fixed id, so that a volume keeps its owner over every upgrade.
RUN groupadd --gid 10001 glassway \
 && useradd --uid 10001 --gid glassway --home-dir /data --no-create-home \
            --shell /usr/sbin/nologin glassway \
 && install -d -o glassway -g glassway -m 0700 /data /keys
COPY --from=binaries /out/ /usr/local/bin/
COPY config.toml /etc/glassway/config.toml
# In a container the other side of a published port is another address, so both listen on
# all; clients show a token, and what the outside reaches is decided where ports are
# published. The file that opens upstream keys has a volume of its own: mount it into the
# proxy's container only.
# hadolint ignore=DL3064
ENV GLASSWAY_DATABASE__PATH=/data/glassway.db \
    GLASSWAY_PROXY__LINK=/data/glassway.sock \
    GLASSWAY_SECRETS__PRIVATE_KEY=/keys/glassway.key \
    GLASSWAY_PROVIDERS__DIR=/data/providers.d \
    GLASSWAY_MONITOR__TRACE_DATA=/data/trace.d \
    GLASSWAY_PROXY__LISTEN=0.0.0.0:8080 \
    GLASSWAY_PROXY__CLIENT_ACCESS=token \
    GLASSWAY_MONITOR__LISTEN=0.0.0.0:8081
USER 10001:10001
WORKDIR /data
VOLUME ["/data", "/keys"]
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
# Of whichever of the two this container runs.
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s --retries=3 \
    CMD ["/bin/sh", "-c", "if grep -aq glassway-monitor /proc/1/cmdline; then exec glassway-monitor --config /etc/glassway/config.toml health; fi; exec glassway-proxy --config /etc/glassway/config.toml health"]
CMD ["glassway-proxy", "--config", "/etc/glassway/config.toml"]
