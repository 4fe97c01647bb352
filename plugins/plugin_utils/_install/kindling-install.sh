#!/usr/bin/env bash
# Installs Flatcar to this machine's disk, once, and reports how far it got. Runs in the RAM system that an armed machine boots.
#
#   kindling-install.sh DIRECTORY
#
# DIRECTORY has install.conf (lines KEY=VALUE; see installer.py), config.ign (the Ignition config of the installed system)
# and key.asc (the key that has to have signed the image). What can go wrong without anything being written is tried first:
# the disk, all that is on it, the other disks, the image. Then every boot host is told ("started"), and only then is the disk
# written. The machine restarts only after its boot host has been told that the installation is complete ("installed").
# Whatever goes wrong is reported ("failed"), and the machine stays in RAM: nothing is tried twice. The disk itself remembers by
# which order it was written, and the same order does not write it again.
set -Eeuo pipefail
shopt -s inherit_errexit
export LC_ALL=C

readonly dir=$1
readonly log=$dir/install.log
readonly mounted=$dir/oem # where the disk's own partition OEM is mounted
stage=begin
written=no # or told: a boot host believes that the disk is written; partly; or whole
urls=()    # of the boot hosts; the first decides
serial=    # of the disk, as it says it itself
missing=() # the boot hosts that have not taken the last report

# shellcheck source-path=SCRIPTDIR
. "${BASH_SOURCE[0]%/*}/kindling-disks.sh"

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
  printf '{"stage":%s,"node":%s,"time":%s,"message":%s,"log":%s,"version":%s,"config":%s,"serial":%s}\n' \
    "$(json "$1")" "$(json "${conf[node]-}")" "$(json "$(date -u +%Y-%m-%dT%H:%M:%SZ)")" "$(json "$2")" \
    "$(json "$end")" "$(json "${conf[version]-}")" "$(json "${conf[digest]-}")" "$(json "$serial")" \
    > "$dir/report.json"
}

tell() { # name url: whether this boot host has taken the report
  curl --fail --silent --show-error --connect-timeout 10 --max-time 30 --output "$dir/answer" \
    --upload-file "$dir/report.json" "$2/reports/${conf[token]}/$1" 2>> "$log"
}

report() { # name message url...: whether all of these boot hosts have taken it; the others are in "missing"
  local name=$1 attempt url left
  write_report "$1" "$2"
  missing=("${@:3}")
  for ((attempt = 1; attempt <= 12; attempt++)); do
    left=()
    for url in "${missing[@]}"; do tell "$name" "$url" || left+=("$url"); done
    missing=("${left[@]}")
    ((${#missing[@]})) || return 0
    sleep "${conf[pause]}"
  done
  return 1
}

aftermath() { # what has become of the disk, for whoever reads of a failure
  case $written in
    no | told) echo "nothing has been written: switched off and on, this machine boots its own disk as before" ;;
    partly) echo "the disk is half-written" ;;
    whole) echo "Flatcar is on the disk, whole" ;;
  esac
}

fail() { # message: reported, told on the console; the machine stays as it is
  trap - ERR
  say "FAILED ($stage): $1"
  say "$(aftermath)"
  report failed "$stage: $1; $(aftermath)" "${urls[@]}" || ((${#missing[@]} < ${#urls[@]})) || say "no boot host could be told of it"
  if [[ $written == told ]]; then report untouched "nothing was written" "${urls[@]}" || say "${missing[*]} may take the disk for half-written"; fi
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
    case $key in
      boot_host) urls+=("$value") ;;
      data) data+=("$value") ;;
      part) parts+=("$value") ;;
      *) conf[$key]=$value ;;
    esac
  done < "$dir/install.conf"
  readonly disk=${conf[disk]}
  readonly by_id=${disk%/disk/*}/disk/by-id by_path=${disk%/disk/*}/disk/by-path
}

digest_of() { # file
  sha512sum "$1" | cut -d ' ' -f 1
}

check_config() {
  stage="config"
  [[ $(digest_of "$dir/config.ign") == "${conf[sha512]}" ]] \
    || fail "the machine's Ignition config is not the one that was published: its SHA-512 is another"
}

check_memory() { # what is running here came from the network, and is in memory with all that it has written
  local name kib total=0
  stage="ram"
  while read -r name kib _; do
    if [[ $name == MemTotal: ]]; then total=$((kib / 1024)); fi
  done < "${conf[meminfo]}"
  ((total >= conf[memory_mib])) \
    || fail "this machine has $total MiB of RAM; to boot Flatcar from the network it has to have 3 GB ($((conf[memory_mib])) MiB at the least, by the size of the release's image)"
}

find_disk() { # a controller may take a while to show its disks
  local waited
  stage="disk"
  for ((waited = 0; waited < conf[disk_wait]; waited++)); do
    [[ -e $disk ]] && return
    sleep 1
  done
  fail "$disk is not there; this machine has: $(lsblk --nodeps --noheadings --output NAME,SIZE,MODEL,SERIAL | tr -s ' ' | paste -s -d ';')$(slots)"
}

slots() { # the disks by their slots, where the one that is missing was named so
  local link
  [[ $disk == "$by_path"/* ]] || return 0
  printf '; by slot:'
  for link in "$by_path"/*; do
    if [[ -e $link && ! $link =~ -part[0-9]+$ ]]; then printf ' %s (%s)' "$link" "$(readlink --canonicalize "$link")"; fi
  done
}

check_disk() {
  local found size sector
  found=$(column TYPE "$disk")
  [[ $found == disk || $found == mpath ]] || fail "$disk is no whole disk but of type ${found:-unknown}"
  if [[ -n ${conf[serial]} ]]; then
    found=$(column SERIAL "$disk")
    [[ $found == "${conf[serial]}" ]] || fail "$disk has the serial number '$found', not '${conf[serial]}' (flatcar_install_disk_serial)"
  fi
  serial=$(column SERIAL "$disk" | tr -cd '\40-\176')
  if [[ -n ${conf[former_serial]} && $serial != "${conf[former_serial]}" ]]; then another_disk; fi
  size=$(blockdev --getsize64 "$disk")
  ((size >= conf[min_gib] * 1024 ** 3)) \
    || fail "$disk has $((size / 1024 ** 3)) GiB, fewer than ${conf[min_gib]} (flatcar_install_disk_min_gib)"
  sector=$(blockdev --getss "$disk")
  ((sector == 512)) || fail "$disk has sectors of $sector bytes; Flatcar's image is for sectors of 512"
  [[ $(blockdev --getro "$disk") == 0 ]] || fail "$disk cannot be written: it is read-only"
  kernel=$(readlink --canonicalize "$disk")
  identity=$(identity_of "$disk")
  choose_name
}

another_disk() { # in the place of the one that this machine was installed to: somebody has to have meant it
  conf[half_written]=no
  [[ -n ${conf[serial]} || ${conf[new_disk]} == yes ]] \
    || fail "$disk is another disk than this machine was installed to: its serial number is '$serial', and was '${conf[former_serial]}'. If it is meant, say flatcar_install_disk_serial, or once -e install_new_disk=true"
  say "$disk has the serial number '$serial'; the last installation has found '${conf[former_serial]}' there"
}

called() { # the disk, for reports
  printf '%s' "$disk${serial:+ (serial number $serial)}"
}

identity_of() { # disk: what tells it from all others of this machine
  column MAJ:MIN,SERIAL "$1"
}

choose_name() { # flatcar-install looks for partitions by all names that begin with the one that it is given
  local name names=("$disk" "$by_id"/*)
  if [[ $(column TYPE "$disk") == disk ]]; then names=("$kernel" "${names[@]}"); fi # others' partitions have names of their own
  for name in "${names[@]}"; do
    if [[ $(readlink --canonicalize "$name") == "$kernel" ]] && names_nothing_else "$name"; then
      target=$name
      return
    fi
  done
  fail "every name of $disk is the beginning of another disk's name, or of a second one of its own; flatcar-install would take both"
}

names_nothing_else() { # name: whether all that begins with it is the disk or a part of it, each once
  local own link real seen=
  own=$(names_of "$disk")
  for link in "$1"*; do
    real=$(readlink --canonicalize "$link")
    if ! is_one_of "$real" "$own" || is_one_of "$real" "$seen"; then return 1; fi
    seen+="$real"$'\n'
  done
}

check_same_disk() { # names are given anew when disks come and go
  [[ $(readlink --canonicalize "$disk") == "$kernel" && $(identity_of "$disk") == "$identity" && $(identity_of "$target") == "$identity" ]] \
    || fail "$disk or $target is another disk by now than the one that was checked"
}

recall() { # an order is carried out once, whatever its boot host has forgotten since
  local oem found mark
  stage="memory"
  oem=$(own_oem)
  [[ -n $oem ]] && mount_to_read "$oem" || return 0
  found=$(digest_of "$mounted/config.ign" 2> /dev/null) || true
  mark=$(cat "$mounted/kindling-complete" 2> /dev/null) || true
  umount "$mounted" || fail "$oem cannot be unmounted"
  [[ $found == "${conf[sha512]}" ]] || return 0
  if [[ $mark == "$found" ]]; then
    say "$disk was written by this very order already, and whole: nothing is written"
    finish
    exit 0
  fi
  fail "$disk was written by this very order already, but nobody knows whether it is whole, and an order writes once; order again: playbooks/install.yml --limit ${conf[node]} -e install_again=true"
}

mount_to_read() { # partition: without its journal, which would be written
  local options
  case $(tag TYPE "$1") in
    ext[234]) options=ro,noload ;;
    btrfs) options=ro,rescue=nologreplay ;;
    *) return 1 ;;
  esac
  mkdir --parents "$mounted"
  mount --options "$options" "$1" "$mounted" 2>> "$log"
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

check_other_disks() { # GRUB, the initrd and flatcar-install find what they need by labels, on whatever disk
  local found
  stage="other disks"
  found=$(other_flatcar)
  [[ -n $found ]] || return 0
  found=$(paste -s -d ' ' <<< "$found")
  if [[ ${conf[other_flatcar]} == allow ]]; then
    say "flatcar_other_flatcar_disks is allow: $found"
  else
    fail "Flatcar is on another disk too, and this machine might start a mixture of both: $found. Take it out or erase it, or set flatcar_other_flatcar_disks: allow"
  fi
}

check_data_disks() { # at its first start the config makes what is missing on other disks, and that cannot be undone
  local waited found
  stage="data disks"
  for ((waited = 0; waited < conf[disk_wait]; waited++)); do
    if data_is_there; then break; fi
    sleep 1
  done
  found=$(foreign_data)
  [[ -n $found ]] || return 0
  found=$(paste -s -d ';' <<< "$found")
  fail "the config's first start would change disks that are not as it leaves them: $found; to lose what is there, set wipe: true where the config names it (flatcar_filesystems, flatcar_luks), or for all of the disk in flatcar_disks"
}

check_image() { # all that flatcar-install asks for before it writes, and by what it judges afterwards
  local url image="${conf[base]}/${conf[version]}/flatcar_production_image.bin.bz2" judged
  stage="image"
  for url in "$image" "$image.sig"; do
    fetch --head --output /dev/null "$url" || fail "$url cannot be fetched; is the release there? (playbooks/images.yml)"
  done
  fetch --output "$dir/image.sig" "$image.sig" || fail "$image.sig, the signature of the image, cannot be fetched"
  rm --recursive --force "$dir/gnupg"
  mkdir --mode=700 "$dir/gnupg"
  look_at_keys --quiet --import "$dir/key.asc" || fail "gpg does not take the key by which the image is to be verified"
  # Nothing is signed by it, and so the signature is bad; it is neither good nor bad where its key is not there
  judged=$(look_at_keys --status-fd 1 --verify "$dir/image.sig" /dev/null) || true
  [[ $judged == *"[GNUPG:] BADSIG "* ]] || fail "$image.sig is no signature by any key that this machine was given"
}

fetch() { # curl's options and a URL
  curl --fail --location --silent --show-error --connect-timeout 10 --max-time 60 --retry 10 --retry-connrefused \
    --retry-delay 5 "$@" 2>> "$log"
}

look_at_keys() { # gpg's words; an agent is for secret keys
  gpg --homedir "$dir/gnupg" --batch --no-autostart "$@" 2>> "$log"
}

check_programs() {
  stage="programs"
  options=(-d "$target" -V "${conf[version]}" -b "${conf[base]}" -o '' -k "$dir/key.asc" -i "$dir/config.ign")
  if [[ ${conf[boot_entry]} == yes && -d ${conf[efi]} ]]; then
    type -P efibootmgr > /dev/null || fail "there is no efibootmgr to make a boot entry (flatcar_install_boot_entry)"
    options+=(-u)
  fi
  type -P flatcar-install > /dev/null || fail "this system has no flatcar-install"
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

announce() { # every boot host keeps the machine off a disk that may be half-written; the one that decides is told last
  local asked=("${urls[@]:1}" "${urls[0]}") url advice="is the machine still armed?"
  stage="announce"
  check_same_disk
  for url in "${asked[@]}"; do
    if ! report started "writing Flatcar ${conf[version]} to $(called)" "$url"; then
      if ((${#urls[@]} > 1)); then advice+=" If this boot host is down, playbooks/install.yml -e install_without_peer=true leaves the other one of a pair out"; fi
      fail "$url has not taken the report that the installation begins: $advice"
    fi
    written=told
  done
}

write_disk() { # flatcar-install has a cache of its own, so that it takes no other disk's partition for one of this disk
  stage="write"
  check_same_disk
  say "writing Flatcar ${conf[version]} to $disk"
  rm --force "$dir/blkid.tab"
  written=partly
  BLKID_FILE="$dir/blkid.tab" timeout --kill-after=60 "${conf[timeout]}" flatcar-install "${options[@]}" 2>&1 | tee -a "$log" \
    || fail "flatcar-install has failed"
  sync
}

verify() { # what the disk itself has now, whatever flatcar-install has found by labels; and a mark that all of it is there
  local oem
  stage="verify"
  udevadm settle
  oem=$(own_oem)
  [[ -n $oem ]] || fail "$disk has no partition OEM after flatcar-install"
  mkdir --parents "$mounted"
  mount "$oem" "$mounted" || fail "$oem cannot be mounted after flatcar-install"
  [[ $(digest_of "$mounted/config.ign") == "${conf[sha512]}" ]] \
    || fail "config.ign on $oem is not this machine's config; has another disk with a partition OEM got it?"
  sync
  (umask 077 && printf '%s\n' "${conf[sha512]}" > "$mounted/kindling-complete")
  sync
  umount "$mounted" || fail "$oem cannot be unmounted"
  written=whole
}

finish() {
  stage="finish"
  written=whole
  report installed "Flatcar ${conf[version]} is on $(called)" "${urls[@]}" || [[ " ${missing[*]} " != *" ${urls[0]} "* ]] \
    || fail "${urls[0]} has not taken the report that the installation is complete: it would send this machine to its installer again, so it does not restart"
  say "Flatcar ${conf[version]} is installed on $disk; restarting from it"
  systemctl --no-block reboot
}

: > "$log"
trap 'unexpected "$LINENO" "$BASH_COMMAND"' ERR
read_conf
say "installing Flatcar ${conf[version]} to $disk of ${conf[node]}"
check_config
check_memory
find_disk
check_disk
recall
check_contents
check_other_disks
check_data_disks
check_image
check_programs
release_disk
announce
write_disk
verify
finish
