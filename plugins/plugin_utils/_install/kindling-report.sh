#!/usr/bin/env bash
# Tells the boot hosts that this machine runs: at every start and every day, until they know; after a day it gives up.
#
#   kindling-report.sh FILE
#
# FILE has lines KEY=VALUE; see reporting.py. It has tokens and is for root alone.
set -euo pipefail
export LC_ALL=C

readonly most=300
report=$(mktemp)
trap 'rm -f "$report"' EXIT
urls=()
arguments=()
declare -A conf=()

while IFS='=' read -r key value; do
  case $key in
    boot_host) urls+=("$value") ;;
    argument) arguments+=("$value") ;;
    *) conf[$key]=$value ;;
  esac
done < "$1"

plain() { # text: the characters of host names and versions
  printf '%s' "$1" | tr -cd 'A-Za-z0-9.+_-'
}

version() {
  local key value
  while IFS='=' read -r key value; do
    if [[ $key == VERSION_ID ]]; then plain "$value"; fi
  done < "${conf[os_release]}"
}

# The kernel arguments of the node's config that this system was started without: with Secure Boot on, GRUB reads none of them
lost() {
  local words word
  read -r words < "${conf[cmdline]}" || true
  for word in "${arguments[@]}"; do
    if [[ " $words " != *" $word "* ]]; then printf '%s ' "$word" | tr -cd 'A-Za-z0-9.+_=,:/@ -'; fi
  done
}

# The fifth byte of this variable of the firmware's
secure_boot() {
  if [[ $(od -An -tu1 -j4 -N1 "${conf[secure_boot]}" 2> /dev/null) == *1* ]]; then echo on; else echo off; fi
}

put() { # url token: the status of the answer, 000 if there is none
  curl --silent --show-error --connect-timeout 10 --max-time 30 --output /dev/null --write-out '%{http_code}' \
    --upload-file "$report" "$1/reports/$2/running" || true
}

# The first boot host decides, so it is told until it takes the report. The other one of a pair may have a key of its own, and
# then does not know this machine by its token: what it answers ends it
readonly decides=${urls[0]}
pause=${conf[pause]}
for ((attempt = 1; attempt <= conf[tries] && ${#urls[@]}; attempt++)); do
  printf '{"stage":"running","node":"%s","hostname":"%s","time":"%s","version":"%s","config":"%s","lost":"%s","secure_boot":"%s"}\n' \
    "$(plain "${conf[node]}")" "$(plain "$(uname -n)")" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$(version)" \
    "$(plain "${conf[digest]}")" "$(lost)" "$(secure_boot)" > "$report"
  left=()
  for url in "${urls[@]}"; do
    if [[ -n ${conf[install]-} ]]; then put "$url" "${conf[install]}" > /dev/null; fi
    case $(put "$url" "${conf[token]}") in
      2*) ;;
      4*) if [[ $url == "$decides" ]]; then left+=("$url"); fi ;;
      *) left+=("$url") ;;
    esac
  done
  ((${#left[@]})) || exit 0
  urls=("${left[@]}")
  sleep "$pause"
  pause=$((pause * 2 < most ? pause * 2 : most))
done
exit 1
