# The server in a container: Debian 12, FFmpeg's libraries, the pinned ONNX Runtime library.
#   docker build -t sightline .
#   docker run -e JWT_SECRET=... -p 8000:8000 -v sightline:/var/lib/sightline sightline

FROM rust:1.95-slim-bookworm AS build
# Versions are those of the Debian release that the image is tagged with.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends \
      pkg-config gcc libc6-dev clang libclang-dev \
      libavcodec-dev libavformat-dev libavutil-dev libswscale-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin sightline

FROM python:3.11-slim-bookworm AS runtime
COPY .ci/onnxruntime /
RUN /onnxruntime /onnxruntime-library

FROM debian:12-slim
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends \
      libavcodec59 libavformat59 libavutil57 libswscale6 ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/sightline --create-home \
      --shell /usr/sbin/nologin sightline
# Beside the program, where it is looked for.
COPY --from=runtime /onnxruntime-library/ /usr/local/bin/
COPY --from=build /src/target/release/sightline /usr/local/bin/
USER 10001
WORKDIR /var/lib/sightline
# In production JWT_SECRET is required. Metrics listen on the container's own loopback unless
# METRICS_ADDR says otherwise.
ENV ENVIRONMENT=production \
    HOST=0.0.0.0 \
    PORT=8000 \
    DATA_DIR=/var/lib/sightline \
    SIGHTLINE_MODELS_DIR=/var/lib/sightline/models \
    LOG_FORMAT=json
VOLUME /var/lib/sightline
EXPOSE 8000
# Healthy means alive, a long migration included; whether it takes work is told at /readyz.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["sh", "-c", "curl --fail --silent --show-error --max-time 2 \"http://127.0.0.1:${PORT}/livez\""]
# SIGTERM ends it in order within 20 s: give it `--stop-timeout 25`.
ENTRYPOINT ["sightline"]
CMD ["serve"]
