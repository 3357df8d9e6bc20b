#!/usr/bin/env bash
# Installs what building and running needs and is not there yet; prints what it does.
set -euo pipefail

packages=()
need() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'install ok installed' || packages+=("$1"); }
need libsqlite3-dev
need zlib1g-dev
need libxgboost-dev

if [ ${#packages[@]} -eq 0 ]; then
    echo "setup: nothing is missing"
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "setup: please install the packages that hold ${packages[*]} on Debian" >&2
    exit 1
fi
sudo=()
[ "$(id -u)" -eq 0 ] || sudo=(sudo)
echo "setup: installing ${packages[*]}"
"${sudo[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${packages[@]}"
