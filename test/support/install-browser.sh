#!/usr/bin/env bash
# Installs Chromium on Debian or Ubuntu, as root, for `npm run test:playground`. Does nothing where it is.
set -euo pipefail
command -v chromium >/dev/null && exit 0
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium
