#!/usr/bin/env bash
# The browser tests open the report in a real browser.  Uses an installed one; as root on Debian
# installs Chromium; else says so and lets the tests decide (skipped on a desk, failed in CI).
set -euo pipefail
for name in chromium chromium-browser google-chrome google-chrome-stable chrome; do
  if command -v "$name" >/dev/null; then exit 0; fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing Chromium for the browser tests"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null
else
  echo "no Chromium or Chrome found: the browser tests cannot run here; install one to run them" >&2
fi
