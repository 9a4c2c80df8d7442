# A gateway in a container: build with `docker build -t quartz-edge .`; README, "Deploy", says how to run it.

FROM node:22-bookworm-slim AS build
WORKDIR /opt/quartz-edge
# Deno comes from npm, which has it for x64 and arm64; what is kept is the program itself, without Node.
RUN npm install --global deno@2.9.5 \
  && cp "$(deno eval 'console.log(Deno.execPath())')" /usr/local/bin/deno-program
COPY deno.json deno.lock ./
RUN deno install --frozen
COPY src src
COPY devices devices
COPY firmware-config firmware-config
COPY models models

FROM debian:bookworm-slim
# The newest of the release: its security fixes matter more than building the same bytes twice.
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates ffmpeg \
  && rm -rf /var/lib/apt/lists/*
COPY --from=build /usr/local/bin/deno-program /usr/local/bin/deno
COPY --from=build /opt/quartz-edge /opt/quartz-edge
# Folders that are written; the groups of devices come with `docker run --group-add video`.
RUN install -d -m 0700 -o 10001 -g 10001 /var/lib/quartz-edge /var/cache/quartz-edge \
  && install -d -m 0755 -o 10001 -g 10001 /run/quartz-edge
USER 10001:10001
ENV DENO_DIR=/var/cache/quartz-edge DENO_NO_UPDATE_CHECK=1 NO_COLOR=1
VOLUME /var/lib/quartz-edge
# Renewed every 10 s while frames, telemetry and spool advance: one that is older than a minute means that something hangs.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=2 \
  CMD ["sh", "-c", "find /run/quartz-edge/alive -mmin -1 | grep -q ."]
STOPSIGNAL SIGTERM
# Serial lines need --allow-ffi as well: give your own --entrypoint, with the flags that `install-unit` prints.
ENTRYPOINT ["deno", "run", "--quiet", "--no-prompt", "--cached-only", "--frozen", \
  "--node-modules-dir=manual", "--no-code-cache", "--v8-flags=--max-semi-space-size=1", \
  "--allow-read=/opt/quartz-edge,/etc/quartz-edge,/var/lib/quartz-edge,/run/quartz-edge,/run/secrets", \
  "--allow-write=/var/lib/quartz-edge,/run/quartz-edge", \
  "--allow-net", "--allow-env", "--allow-sys=statfs", "--allow-run=ffmpeg", \
  "/opt/quartz-edge/src/main.ts"]
CMD ["run", "--config", "/etc/quartz-edge/edge.yaml", "--state", "/var/lib/quartz-edge", "--alive", "/run/quartz-edge/alive"]
