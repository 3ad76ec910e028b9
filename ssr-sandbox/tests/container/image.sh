#!/bin/sh
# Makes the image that the container tests run in, `ssr-sandbox-test`: Debian with Python and pytest.
#
#   image.sh docker     from python:3.11-slim, where a registry can be reached
#   image.sh podman
#   image.sh debian     with podman from Debian packages alone: needs root, debootstrap and pip
set -eu
pytest='pytest==9.2.0'
case "${1:-}" in
docker | podman)
    printf 'FROM python:3.11-slim\nRUN pip install --no-cache-dir %s\n' "$pytest" |
        "$1" build --tag ssr-sandbox-test -
    ;;
debian)
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    debootstrap --variant=minbase --include=python3 bookworm "$root/image"
    python3 -m pip install --quiet --no-compile --only-binary :all: --python-version 3.11 \
        --target "$root/image/usr/local/lib/python3.11/dist-packages" "$pytest"
    rm -rf "$root/image/var/cache/apt" "$root/image/var/lib/apt/lists"
    tar -C "$root/image" -c . | podman import - ssr-sandbox-test
    ;;
*)
    echo "usage: $0 docker|podman|debian" >&2
    exit 2
    ;;
esac
