#!/usr/bin/env bash
# Installs Flatcar to this machine's disk, once, and reports how far it got. Runs in the RAM system that an armed machine boots.
#
#   kindling-install.sh DIRECTORY
#
# DIRECTORY has install.conf (lines KEY=VALUE; see installer.py), config.ign (the Ignition config of the installed system)
# and key.asc (the key that has to have signed the image). Nothing is written to the disk before all checks have passed and
# a boot host has been told so ("started"). The machine restarts only after a boot host has been told that the installation
# is complete ("installed"). Whatever goes wrong is reported ("failed"), and the machine stays in RAM: nothing is tried twice.
set -Eeuo pipefail
shopt -s inherit_errexit
export LC_ALL=C

readonly dir=$1
readonly log=$dir/install.log
stage=begin
urls=()
declare -A conf=()

say() { # message: on the console, in the journal and in the log that a failure reports
  printf 'Kindling: %s\n' "$1" | tee -a "$log"
}

json() { # text: as JSON; what is not plain text is left out
  printf '"%s"' "$(printf '%s' "$1" | tr -cd '\11\12\40-\176' | sed -z 's/\\/\\\\/g; s/"/\\"/g; s/\t/\\t/g; s/\n/\\n/g')"
}

log_end() { # the end of the log, without the token, which is a secret of this machine and its boot hosts
  local text
  text=$(tail -c 6000 "$log")
  printf '%s' "${text//"${conf[token]-}"/(token)}"
}

write_report() { # name message
  local end=
  if [[ $1 == failed ]]; then end=$(log_end); fi
  printf '{"stage":%s,"node":%s,"time":%s,"message":%s,"log":%s,"version":%s,"config":%s}\n' \
    "$(json "$1")" "$(json "${conf[node]-}")" "$(json "$(date -u +%Y-%m-%dT%H:%M:%SZ)")" "$(json "$2")" \
    "$(json "$end")" "$(json "${conf[version]-}")" "$(json "${conf[digest]-}")" \
    > "$dir/report.json"
}

report() { # name message: true once a boot host knows; each of them is told if it can be reached
  local url told=no attempt left pending=("${urls[@]}")
  write_report "$1" "$2"
  for ((attempt = 1; attempt <= 12; attempt++)); do
    left=()
    for url in "${pending[@]}"; do
      if curl --fail --silent --show-error --connect-timeout 10 --max-time 30 --output "$dir/answer" \
        --upload-file "$dir/report.json" "$url/reports/${conf[token]}/$1" 2>> "$log"; then
        told=yes
      else
        left+=("$url")
      fi
    done
    ((${#left[@]})) || break
    pending=("${left[@]}")
    sleep "${conf[pause]}"
  done
  [[ $told == yes ]]
}

fail() { # message: reported, told on the console; the machine stays as it is
  trap - ERR
  say "FAILED ($stage): $1"
  report failed "$stage: $1" || say "no boot host could be told of it"
  say "this machine stays in RAM and does nothing more; log in to it as on any machine of yours: journalctl -u kindling-install"
  say "to try again: playbooks/install.yml --limit ${conf[node]-}, and switch the machine off and on"
  exit 1
}

unexpected() { # line command
  ((BASHPID == $$)) || exit 1 # in a subshell: whoever waits for it tells
  fail "line $1: $2"
}

read_conf() {
  local key value
  while IFS='=' read -r key value; do
    if [[ $key == boot_host ]]; then urls+=("$value"); else conf[$key]=$value; fi
  done < "$dir/install.conf"
  readonly disk=${conf[disk]}
}

check_config() {
  stage="config"
  printf '%s  %s\n' "${conf[sha512]}" "$dir/config.ign" | sha512sum --check --status \
    || fail "the machine's Ignition config is not the one that was published: its SHA-512 is another"
}

find_disk() { # a controller may take a while to show its disks
  local waited
  stage="disk"
  for ((waited = 0; waited < conf[disk_wait]; waited++)); do
    [[ -e $disk ]] && return
    sleep 1
  done
  fail "$disk is not there; this machine has: $(lsblk --nodeps --noheadings --output NAME,SIZE,MODEL,SERIAL | tr -s ' ' | paste -s -d ';')"
}

check_disk() {
  local found size sector
  found=$(lsblk --nodeps --noheadings --output TYPE "$disk" | tr -d ' ')
  [[ $found == disk || $found == mpath ]] || fail "$disk is no whole disk but of type ${found:-unknown}"
  if [[ -n ${conf[serial]} ]]; then
    found=$(lsblk --nodeps --noheadings --output SERIAL "$disk" | sed 's/^ *//; s/ *$//')
    [[ $found == "${conf[serial]}" ]] || fail "$disk has the serial number '$found', not '${conf[serial]}' (flatcar_install_disk_serial)"
  fi
  size=$(blockdev --getsize64 "$disk")
  ((size >= conf[min_gib] * 1024 ** 3)) \
    || fail "$disk has $((size / 1024 ** 3)) GiB, fewer than ${conf[min_gib]} (flatcar_install_disk_min_gib)"
  sector=$(blockdev --getss "$disk")
  ((sector == 512)) || fail "$disk has sectors of $sector bytes; Flatcar's image is for sectors of 512"
  check_name
}

check_name() { # flatcar-install looks for partitions by names that begin with the disk's
  local own link
  own=$(lsblk --list --noheadings --paths --output KNAME "$disk")
  for link in "$disk"*; do
    grep --quiet --line-regexp --fixed-strings "$(readlink --canonicalize "$link")" <<< "$own" \
      || fail "$link is another disk, and its name begins with that of $disk: choose another id of the disk"
  done
}

# What flatcar-install itself leaves on a disk
readonly own_labels='^(EFI-SYSTEM|BIOS-BOOT|USR-A|USR-B|OEM|OEM-CONFIG|ROOT)$'
readonly own_contents='^(vfat|ext[234]|btrfs|xfs|squashfs|erofs|DM_verity_hash)$'

foreign() { # one line for each thing on the disk that no Flatcar has put there
  local rows name type what table=no parts=0
  rows=$(lsblk --list --noheadings --paths --output NAME,TYPE "$disk")
  while read -r name type; do
    case $type in
      disk | mpath)
        while read -r what; do
          if [[ $what == gpt ]]; then table=yes; elif [[ $what != PMBR ]]; then echo "$name has $what"; fi
        done < <(signatures "$name")
        ;;
      part)
        parts=$((parts + 1))
        what=$(blkid --probe --match-tag PART_ENTRY_NAME --output value "$name" || true)
        [[ $what =~ $own_labels ]] || echo "$name is a partition called '$what'"
        while read -r what; do
          [[ $what =~ $own_contents ]] || echo "$name has $what"
        done < <(signatures "$name")
        ;;
      *) echo "$name is in use ($type)" ;;
    esac
  done <<< "$rows"
  if [[ $table == yes ]] && ((parts == 0)); then echo "$disk has a partition table that cannot be read, or an empty one"; fi
}

signatures() { # device: the kinds of data that are recognized on it
  wipefs --no-act --noheadings --output TYPE "$1" | sort -u || echo "what cannot be read"
}

check_contents() {
  local found
  stage="contents"
  found=$(foreign)
  [[ -n $found ]] || return 0
  found=$(paste -s -d ';' <<< "$found")
  if [[ ${conf[wipe]} == any ]]; then
    say "flatcar_wipe is any: what is on $disk is lost: $found"
  else
    fail "$disk holds data that is not Flatcar's: $found; to lose it, set flatcar_wipe: any"
  fi
}

release_disk() { # nothing may hold the disk while its partition table changes
  local places rows name type place
  stage="release"
  places=$(lsblk --list --noheadings --output MOUNTPOINT "$disk")
  rows=$(lsblk --list --noheadings --paths --output NAME,TYPE "$disk" | tac)
  while read -r place; do
    if [[ $place == '[SWAP]' || -z $place ]]; then continue; fi
    umount "$place" || fail "$place is mounted from $disk"
  done <<< "$places"
  while read -r name type; do
    case $type in
      disk | mpath) ;;
      part) if grep --quiet "^$name " /proc/swaps; then swapoff "$name"; fi ;;
      raid* | linear | md | multipath) mdadm --stop "$name" ;;
      *) dmsetup remove --retry "$name" ;;
    esac || fail "$name ($type) holds $disk and cannot be stopped"
  done <<< "$rows"
}

write_disk() {
  stage="write"
  report started "writing Flatcar ${conf[version]} to $disk" \
    || fail "no boot host has taken the report that the installation begins: is the machine still armed?"
  say "writing Flatcar ${conf[version]} to $disk"
  timeout --kill-after=60 "${conf[timeout]}" flatcar-install -d "$disk" -V "${conf[version]}" -b "${conf[base]}" \
    -k "$dir/key.asc" -i "$dir/config.ign" 2>&1 | tee -a "$log" \
    || fail "flatcar-install has failed; the disk is not usable"
  sync
}

finish() {
  stage="finish"
  report installed "Flatcar ${conf[version]} is on $disk" \
    || fail "installed, but no boot host has taken the report: this machine would be installed again, so it does not restart"
  say "Flatcar ${conf[version]} is installed on $disk; restarting from it"
  systemctl --no-block reboot
}

: > "$log"
trap 'unexpected "$LINENO" "$BASH_COMMAND"' ERR
read_conf
say "installing Flatcar ${conf[version]} to $disk of ${conf[node]}"
check_config
find_disk
check_disk
check_contents
release_disk
write_disk
finish
