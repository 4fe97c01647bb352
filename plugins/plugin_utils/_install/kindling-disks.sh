# shellcheck shell=bash
# What is on the disks of this machine: functions of kindling-install.sh that look, and write nothing.

# What kindling-install.sh was told and has found out: how the disk is named that is installed to, and what the config does to
# others, as lines of data_disks.py
disk='' by_id='' kernel=''
data=() parts=()
declare -A conf=()

# What Flatcar's partitions are called, by their names and by those of their file systems
readonly flatcar_labels='^(EFI-SYSTEM|BIOS-BOOT|USR-A|USR-B|OEM|OEM-CONFIG|ROOT)$'
# What only Flatcar's partitions have: the identities of both /usr, and the types of /usr, of a root that grows, of a member
# of a root on RAID, and of what is reserved
readonly flatcar_parts='^(7130c94a-213a-4e5a-8e26-6cce9662f132|e03dd35c-7c2d-4a47-b3fe-27f15780a57c)$'
readonly raid_root=be9067b9-ea49-4f15-b4f6-f36f8c9e1818
readonly flatcar_types="^(5dfbf5f4-2848-4bac-aa5e-0d9a20b745a6|3884dd41-8582-4404-b9a8-e9b84f2df50e|$raid_root|c95dc21a-df0e-4340-8d7b-26cbfa9a03e0)$"
# What flatcar-install itself leaves in them
readonly flatcar_contents='^(vfat|ext[234]|btrfs|xfs|squashfs|erofs|DM_verity_hash)$'

names_of() { # device: the kernel's names of it and of all that is made of it
  lsblk --list --noheadings --paths --output KNAME "$1"
}

above() { # device: the kernel's names of it and of all that it is made of, the disk last
  lsblk --inverse --list --noheadings --paths --output KNAME "$1"
}

family() { # disk: the names of all that has the same data: of its partitions, and of the paths to it
  local whole
  above "$1" | while read -r whole; do names_of "$whole"; done
}

is_one_of() { # name names
  grep --quiet --line-regexp --fixed-strings -- "$1" <<< "$2"
}

column() { # name device: what lsblk says of it
  lsblk --nodeps --noheadings --output "$1" "$2" | sed 's/^ *//; s/ *$//'
}

tag() { # name device: what blkid reads there now, in no cache
  blkid --probe --match-tag "$1" --output value "$2" || true
}

signatures() { # device: the kinds of data that are recognized on it
  wipefs --no-act --noheadings --output TYPE "$1" | sort -u || echo "what cannot be read"
}

strange() { # disk: one line for each thing on all of it that is no GPT
  signatures "$1" | grep --invert-match --line-regexp --extended-regexp 'gpt|PMBR' | sed "s|^|$1 has |" || true
}

table_of() { # disk: whether there is a GPT (yes), nothing that is recognized (no), or something else (other)
  local found
  found=$(signatures "$1" | grep --invert-match --line-regexp PMBR) || true
  case $found in
    '') echo no ;;
    gpt) echo yes ;;
    *) echo other ;;
  esac
}

described() { # disk: as people find it
  local link names
  names=$(column MODEL,SERIAL "$1" | tr --squeeze-repeats ' ')
  for link in "$by_id"/*; do
    if [[ $link -ef $1 ]]; then names+="${names:+, }$link"; fi
  done
  printf '%s (%s)' "$1" "$names"
}

# --- a disk without any signature: empty, or data that nobody knows (encryption without a header, a database) -----------

blank() { # device margin: whether there are only zeros, or ones as its maker has put them there, leaving out a margin
  local kept
  kept=$(samples "$1" "${2-0}" | tr --delete '\0\377' | head --bytes=2 | wc --bytes) || true # nobody waits for the rest
  ((kept == 1))
}

samples() { # device margin: the bytes of its ends and of places all over it, and one more at last
  local size count number ends=$((16 * 1024 ** 2)) piece=$((64 * 1024))
  size=$(blockdev --getsize64 "$1") || printf 'what has no size'
  size=$((size - 2 * $2))
  if ((size <= 2 * ends)); then
    bytes "$1" "$2" "$size"
  else
    bytes "$1" "$2" "$ends"
    bytes "$1" $(($2 + size - ends)) "$ends"
    count=$(((size - 2 * ends) / (128 * 1024 ** 2)))
    count=$((count < conf[samples] ? count : conf[samples]))
    for ((number = 0; number < count; number++)); do
      bytes "$1" $(($2 + ends + (size - 2 * ends) * number / count)) "$piece"
    done
  fi
  printf .
}

bytes() { # device from number: what cannot be read is not empty
  dd if="$1" bs=1M iflag=skip_bytes,count_bytes skip="$2" count="$3" status=none || printf 'what cannot be read'
}

# --- the disk that is installed to -----------------------------------------------------------------------------------------

foreign() { # one line for each thing on the disk that no Flatcar has put there
  local rows name type what count=0 flatcar=no
  rows=$(lsblk --list --noheadings --paths --output NAME,TYPE "$disk")
  while read -r name type; do
    case $type in
      disk | mpath) strange "$name" ;;
      part)
        count=$((count + 1))
        if is_flatcars "$name"; then flatcar=yes; fi
        what=$(tag PART_ENTRY_NAME "$name")
        [[ $what =~ $flatcar_labels ]] || echo "$name is a partition called '$what'"
        while read -r what; do
          [[ $what =~ $flatcar_contents ]] || echo "$name has $what"
        done < <(signatures "$name")
        ;;
      *) echo "$name is in use ($type)" ;;
    esac
  done <<< "$rows"
  if ((count)); then
    # Others call their partitions ROOT or EFI-SYSTEM, too
    [[ $flatcar == yes ]] || echo "$disk has partitions, and none that only Flatcar has"
    return
  fi
  case $(table_of "$disk") in
    yes) echo "$disk has a partition table that cannot be read, or an empty one" ;;
    no) [[ ${conf[half_written]} == yes ]] || blank "$disk" || echo "$disk has no signature, but is not empty" ;;
  esac
}

is_flatcars() { # partition: whether it is one that only Flatcar makes
  [[ $(tag PART_ENTRY_UUID "$1") =~ $flatcar_parts || $(tag PART_ENTRY_TYPE "$1") =~ $flatcar_types ]]
}

own_oem() { # the partition of the disk that has its config, whatever other disks have; nothing if there is none
  local rows name type sixth=
  rows=$(lsblk --list --noheadings --paths --output NAME,TYPE "$disk")
  while read -r name type; do
    [[ $type == part ]] || continue
    if [[ $(tag PART_ENTRY_NAME "$name") == OEM ]]; then
      echo "$name"
      return
    fi
    if [[ $(tag PART_ENTRY_NUMBER "$name") == 6 ]]; then sixth=$name; fi
  done <<< "$rows"
  echo "$sixth"
}

# --- other disks that Flatcar, its GRUB and flatcar-install may take for this one --------------------------------------------

other_flatcar() { # one line for each disk besides the target that has what Flatcar looks for by name
  local own names name whole what entry kind label device
  local -A wished=() members=() found=()
  for entry in "${data[@]}"; do
    IFS='|' read -r kind _ _ label device <<< "$entry"
    name=$(readlink --canonicalize-missing "$device")
    wished[$name]=$label
    if [[ $kind == linux_raid_member ]]; then members[$name]=yes; fi
  done
  own=$(family "$disk")
  names=$(lsblk --list --noheadings --paths --output KNAME | sort -u)
  while read -r name; do
    if [[ -z $name ]] || is_one_of "$name" "$own"; then continue; fi
    what=$(flatcar_marks "$name" "${wished[$name]-}" "${members[$name]-}")
    [[ -n $what ]] || continue
    whole=$(above "$name" | tail -n 1)
    found[$whole]+="; $name is $what"
  done <<< "$names"
  for whole in "${!found[@]}"; do
    echo "$(described "$whole")${found[$whole]/;/:}"
  done
}

flatcar_marks() { # device label member: what is Flatcar's there, but for the label and the RAID that the config has there
  local values key value marks=
  values=$(blkid --probe --output export "$1" || true)
  while IFS='=' read -r key value; do
    case $key in
      LABEL) if [[ $value =~ $flatcar_labels && $value != "$2" ]]; then marks+=" and labelled $value"; fi ;;
      PART_ENTRY_NAME) if [[ $value =~ $flatcar_labels ]]; then marks+=" and called $value"; fi ;;
      PART_ENTRY_UUID) if [[ $value =~ $flatcar_parts ]]; then marks+=" and has Flatcar's PARTUUID $value"; fi ;;
      PART_ENTRY_TYPE)
        if [[ $value =~ $flatcar_types && ! ($value == "$raid_root" && $3 == yes) ]]; then
          marks+=" and of a type that only Flatcar has"
        fi
        ;;
    esac
  done <<< "$values"
  printf '%s' "${marks# and }"
}

# --- the disks that the config changes at its first start ---------------------------------------------------------------------

data_is_there() { # whether every device is there that has to be
  local entry wipe made device
  for entry in "${data[@]}"; do
    IFS='|' read -r _ wipe made _ device <<< "$entry"
    [[ $wipe == yes || $made == yes || -e $device ]] || return 1
  done
}

foreign_data() { # one line for each thing on them that would be lost, or be in the way, and that no entry says may be lost
  local own entry what wipe made label device name number
  own=$(family "$disk")
  for entry in "${data[@]}"; do
    IFS='|' read -r what wipe made label device <<< "$entry"
    name=$(readlink --canonicalize-missing "$device")
    number=$(number_on_the_target "$device" "$name" "$own")
    if [[ -n $number ]] && ((number < 9)); then
      echo "$device is partition $number of the disk that Flatcar is installed to, by another name: it is the system's"
    elif [[ ! -e $device ]]; then
      # What is not there cannot be looked at, and Ignition, which waits for it in vain, would take it as soon as it is
      [[ $wipe == yes || $made == yes ]] || echo "$device is not there"
    elif [[ $name == "$kernel" ]]; then
      on_the_target "$what" "$wipe" "$device"
    elif is_one_of "$name" "$own" || [[ $wipe == yes ]]; then
      : # written over with the disk that is installed to; or what is there may be lost
    elif [[ $what == table ]]; then
      foreign_table "$device"
    else
      foreign_content "$device" "$what" "$label"
    fi
  done
}

number_on_the_target() { # device name own: its number, where it is or will be a partition of the disk that is installed to
  if [[ $1 =~ ^(.+)-part([0-9]+)$ && ${BASH_REMATCH[1]} -ef $disk ]]; then
    echo "${BASH_REMATCH[2]}"
  elif [[ -e $1 && $2 != "$kernel" ]] && is_one_of "$2" "$3"; then
    tag PART_ENTRY_NUMBER "$2"
  fi
}

on_the_target() { # what wipe device: the disk that is installed to, by another name, of which partitions from 9 on are free
  local entry number device
  if [[ $1 != table || $2 == yes ]]; then
    echo "$3 is the disk that Flatcar is installed to, by another name: its system would be destroyed"
    return
  fi
  for entry in "${parts[@]}"; do
    IFS='|' read -r number _ _ device <<< "$entry"
    if [[ $device == "$3" ]] && ((number < 9)); then
      echo "partition $number of $3, the disk that Flatcar is installed to by another name, is the system's"
    fi
  done
}

foreign_table() { # disk: partitions are made where there are none; a disk without a GPT is lost as a whole
  local rows name type count=0
  strange "$1"
  rows=$(lsblk --list --noheadings --paths --output NAME,TYPE "$1")
  while read -r name type; do
    if [[ $type == part ]]; then
      count=$((count + 1))
      other_partition "$1" "$name"
    fi
  done <<< "$rows"
  ((count == 0)) || return 0
  case $(table_of "$1") in
    yes) blank "$1" $((1024 ** 2)) || echo "$1 has a partition table without partitions, but is not empty" ;;
    no) blank "$1" || echo "$1 has no signature, but is not empty" ;;
  esac
}

other_partition() { # disk partition: the config has the number for another one
  local entry number wipe label device name
  name=$(tag PART_ENTRY_NAME "$2")
  for entry in "${parts[@]}"; do
    IFS='|' read -r number wipe label device <<< "$entry"
    if [[ $device == "$1" && $number == "$(tag PART_ENTRY_NUMBER "$2")" && $wipe == no && -n $label && $name != "$label" ]]; then
      echo "$2 is a partition called '$name', not '$label'"
    fi
  done
}

foreign_content() { # device kind label: the config's own is kept; where nothing is recognized, it is made
  local found label
  found=$(signatures "$1" | paste -s -d ' ')
  label=$(tag LABEL "$1")
  if [[ -z $found ]]; then
    blank "$1" || echo "$1 has no signature, but is not empty"
  elif [[ $found != "$2" ]]; then
    echo "$1 has $found, not $2"
  elif [[ $2 == linux_raid_member ]]; then
    [[ ${label#*:} == "$3" ]] || echo "$1 is a part of the RAID '$label', not '$3'"
  elif [[ -n $3 && $label != "$3" ]]; then
    echo "$1 has $found with the label '$label', not '$3'"
  fi
}
