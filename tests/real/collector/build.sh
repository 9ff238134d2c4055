#!/usr/bin/env bash
# Builds the Collector of builder.yaml, and telemetrygen, and prints the two variables that lead the tests to them.
# About five minutes on two cores; they are kept in the user's cache under the hash of this folder's two files, so once.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
version=v0.161.0
key="$(cat "$here/builder.yaml" "$here/build.sh" | sha256sum | cut -c1-16)"
home="${XDG_CACHE_HOME:-$HOME/.cache}/lineagehub/collector-$key"

build() {
  command -v go >/dev/null || { echo "The Collector is built with Go 1.26 or newer, which is not installed." >&2; exit 69; }
  # An older Go fetches the one that the Collector's modules ask for.
  if [[ "$(printf 'go1.26\n%s\n' "$(go env GOVERSION)" | sort -V | head -1)" != go1.26 ]]; then export GOTOOLCHAIN=auto; fi
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
