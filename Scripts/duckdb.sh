#!/usr/bin/env bash
# Installs DuckDB's library for tasks of the kind `sql`, where none is found yet; prints what it does.
#
# The library is taken out of a package of the Python index, whose hash is checked, and put where the system's loader looks, or
# without the right to do so into ~/.local/lib, where Martlet looks too. An official one (https://duckdb.org/install, C/C++) will do as well.
set -euo pipefail

version=0.12.155 # holds DuckDB 1.5.5
case "$(uname -m)" in
    x86_64) platform=manylinux_2_28_x86_64 hash=5b2071948525f26a3620a3fbbcf698c4c9d824bc51cd88446e5b13541b7fdaa8 ;;
    *)
        echo "duckdb: please install libduckdb.so for $(uname -m) from https://duckdb.org/install" >&2
        exit 1
        ;;
esac

if [ -n "${MARTLET_DUCKDB:-}" ]; then
    echo "duckdb: MARTLET_DUCKDB names $MARTLET_DUCKDB"
    exit 0
fi
if ldconfig -p 2>/dev/null | grep -q 'libduckdb\.so' || [ -e "$HOME/.local/lib/libduckdb.so" ]; then
    echo "duckdb: a library is there already"
    exit 0
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
echo "duckdb: fetching the library"
python3 -m pip download --quiet --no-deps --only-binary=:all: --python-version 3.13 --platform "$platform" -d "$folder" \
    "bareduckdb==$version"
echo "$hash  $(echo "$folder"/*.whl)" | sha256sum --check --quiet
python3 -m zipfile -e "$folder"/*.whl "$folder/content"
library="$folder/content/bareduckdb/_libs/libduckdb.so"
if [ "$(id -u)" -eq 0 ]; then
    install -m 755 "$library" /usr/local/lib/libduckdb.so
    ldconfig
    echo "duckdb: installed as /usr/local/lib/libduckdb.so"
else
    mkdir -p "$HOME/.local/lib"
    install -m 755 "$library" "$HOME/.local/lib/libduckdb.so"
    echo "duckdb: installed as ~/.local/lib/libduckdb.so"
fi
