# The image that Terraform runs: the program without DuckDB, and nothing else;
# no shell, not root, no file that it would write to. docs/install.md builds it,
# pushes it and says what it is for.
#
# Both bases are named by tags, because their digests cannot be looked up where
# this was written. Pin them where you build: docs/install.md says how.
FROM golang:1.26.8 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
# With .git, of which the version is told.
COPY . .
ARG VERSION
RUN tools/static /vitalsink $VERSION

FROM gcr.io/distroless/static:nonroot
LABEL org.opencontainers.image.title="vitalsink" \
      org.opencontainers.image.description="Health data of wearables, as Junction delivers it, in BigQuery: one row per fact." \
      org.opencontainers.image.licenses="Apache-2.0"
COPY LICENSE THIRD_PARTY_NOTICES.md /
COPY --from=build /vitalsink /vitalsink
USER 65532:65532
ENTRYPOINT ["/vitalsink"]
