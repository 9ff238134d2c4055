#!/usr/bin/env bash
# Builds the Collector of builder.yaml, and telemetrygen, and prints the two variables that lead the tests to them.
# About five minutes on two cores; they are kept in the user's cache under the hash of this folder's two files, so once.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
version=v0.161.0
key="$(cat "$here/builder.yaml" "$here/build.sh" | sha256sum | cut -c1-16)"
home="${XDG_CACHE_HOME:-$HOME/.cache}/lineagehub/collector-$key"

refuse() {
  echo "The Collector is built with Go 1.26 or newer, $1. Install it, or any Go from 1.21, from your system or go.dev." >&2
  exit 69
}

older_than() {
  [[ "$(printf '%s\n' "$1" "$(go env GOVERSION)" | sort -V | head -1)" != "$1" ]]
}

build() {
  command -v go >/dev/null || refuse "which is not installed"
  # Between these two versions Go fetches the one that the Collector's modules ask for.
  if older_than go1.21; then refuse "and this is $(go env GOVERSION), too old to fetch it"; fi
  if older_than go1.26; then export GOTOOLCHAIN=auto; fi
  mkdir -p "$home"
  work="$(mktemp -d "$home/build.XXXXXX")"
  trap 'rm -rf "$work"' EXIT
  export GOBIN="$work/bin" GOWORK=off
  go install "go.opentelemetry.io/collector/cmd/builder@$version"
  go install "github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen@$version"
  (cd "$work" && "$GOBIN/builder" --skip-strict-versioning --config="$here/builder.yaml")
  mv "$work/otelcol/otelcol" "$GOBIN/telemetrygen" "$home/"
}

if [[ ! -x "$home/otelcol" || ! -x "$home/telemetrygen" ]]; then (build) >&2; fi
echo "export LINEAGEHUB_TEST_OTELCOL=$home/otelcol"
echo "export LINEAGEHUB_TEST_TELEMETRYGEN=$home/telemetrygen"
