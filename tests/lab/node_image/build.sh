#!/bin/bash
# Turns a Debian system into the stand-in node: build.sh ROOT OUT, as the last hook of mmdebstrap.
#   OUT/vmlinuz       the kernel
#   OUT/initrd        a small initrd that starts Ignition's, which lies in usr.squashfs: as Flatcar's minimal-init
#   OUT/usr.squashfs  /usr, and Ignition's initrd unpacked; what both have is in it once
# A boot from the network brings usr.squashfs within the initrd, an installed system has it in a partition. ROOT is used up. Under emulation each unit, rule, module and process costs time at each boot: few are kept.
set -euo pipefail
shopt -s extglob nullglob

root=$1 out=$2
here=$(dirname "$(readlink -f "$0")")
usr=$root/usr
units=$usr/lib/systemd/system
kernel=$(ls "$usr/lib/modules")

# keep_only DIRECTORY PATTERN...: remove all entries of a directory that match none of the patterns
keep_only() {
    local directory=$1 entry patterns
    shift
    patterns=$(IFS='|'; echo "@($*)")
    for entry in "$directory"/*; do
        # shellcheck disable=SC2053  # the right side is a pattern
        [[ ${entry##*/} == $patterns ]] || rm -rf "$entry"
    done
}

# keep_modules DIRECTORY: below this one of ROOT's, remove all kernel modules that no virtual machine of the rack needs
keep_modules() {
    find "$root$1/usr/lib/modules/$kernel/kernel" -name '*.ko' -regextype posix-extended ! -regex \
        '.*/(virtio[^/]*|nvme(-core)?|t10-pi|v?fat|nls_(ascii|cp437|iso8859-1|utf8)|squashfs|overlay|loop|ext4|jbd2|mbcache|crc[^/]*|btrfs|raid6_pq|xor|blake2b_generic|sha256[^/]*|zstd_compress|libcrc32c|efivarfs|qemu_fw_cfg|failover|net_failover|af_packet|autofs4)\.ko' \
        -delete
    chroot "$root" depmod --basedir "/$1" "$kernel"
}

# --- the initrd -----------------------------------------------------------------------------------------------------
cp -r "$here/dracut/98standin" "$usr/lib/dracut/modules.d/"
cp -r "$here/usr/lib/systemd/journald.conf.d" "$usr/lib/systemd/"
chroot "$root" dracut --force --quiet --kver "$kernel" --no-hostonly --no-hostonly-cmdline --no-compress --nostrip \
    --modules "bash systemd systemd-initrd systemd-networkd systemd-tmpfiles systemd-sysctl dracut-systemd udev-rules
               base fs-lib ignition standin" \
    --omit-drivers "mlx.* ena gve hv_netvsc vmxnet3 xen-netfront thunder.* libata ata_piix ahci libahci bridge bonding xfs" \
    --tmpdir /tmp /tmp/initrd.cpio
tree=$(mktemp -d "$out/tree.XXXX")
chmod 755 "$tree"
mkdir "$root/tmp/initrd"
cpio --quiet --extract --directory "$root/tmp/initrd" < "$root/tmp/initrd.cpio"
keep_modules /tmp/initrd
mv "$root/tmp/initrd" "$tree/initrd"
rm "$root/tmp/initrd.cpio"
cp "$root/boot/vmlinuz-$kernel" "$out/vmlinuz"

# --- the small initrd -------------------------------------------------------------------------------------------------
minimal=$(mktemp -d "$out/minimal.XXXX")
chmod 755 "$minimal"
mkdir -p "$minimal"/{bin,dev,modules,proc,sys}
cp "$root/bin/busybox" "$minimal/bin/"
cp "$here/minimal-init" "$minimal/init"
chmod 755 "$minimal/init"
number=100
for module in virtio_pci virtio_blk nvme loop squashfs overlay; do
    while read -r _ file _; do
        # in the order in which they are loaded, each once
        compgen -G "$minimal/modules/*-${file##*/}" > /dev/null || cp "$root$file" "$minimal/modules/$((number++))-${file##*/}"
    done < <(chroot "$root" modprobe --set-version "$kernel" --show-depends "$module" | grep ^insmod)
done
(cd "$minimal" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) | gzip -9n > "$out/initrd"
truncate -s %4 "$out/initrd"                                # the kernel looks for the next archive at a multiple of four
rm -r "$minimal"

# --- the writable root: what is copied into RAM at boot ----------------------------------------------------------------
skeleton=$(mktemp -d "$out/skeleton.XXXX")
chmod 755 "$skeleton"
cp -a "$root"/{bin,sbin,lib,lib64} "$skeleton/"            # links into /usr
cp -a "$root/etc" "$skeleton/etc"
mkdir -p "$skeleton"/{boot,dev,home/core,mnt,oem,opt,proc,run,srv,sys,var/{cache,lib,log,spool}}
mkdir -m 700 "$skeleton/root"
mkdir -m 1777 "$skeleton"/{tmp,var/tmp}
ln -s /run "$skeleton/var/run"
ln -s /run/lock "$skeleton/var/lock"
keep_only "$skeleton/etc" bash.bashrc default environment gshadow group host.conf issue ld.so.cache 'ld.so.conf*' login.defs \
    mke2fs.conf nsswitch.conf pam.conf pam.d passwd profile security shadow shells skel ssh subgid subuid sudo.conf \
    sudoers sudoers.d systemd udev
rm -f "$skeleton"/etc/ssh/{ssh_host_*,moduli}
rm -rf "$skeleton"/etc/systemd/system/*
ln -s ../usr/lib/os-release "$skeleton/etc/os-release"
echo uninitialized > "$skeleton/etc/machine-id"               # Ignition enables units by preset, on a first boot only
echo localhost > "$skeleton/etc/hostname"
# as on Flatcar
echo 'core:x:500:500:Flatcar Admin:/home/core:/bin/bash' >> "$skeleton/etc/passwd"
echo 'core:*:19000:0:99999:7:::' >> "$skeleton/etc/shadow"
printf '%s\n' core:x:500: wheel:x:10:core docker:x:233:core >> "$skeleton/etc/group"
sed -i 's/^wheel:x:10:core$/wheel:x:251:core/; s/^sudo:x:27:$/sudo:x:27:core/' "$skeleton/etc/group"
chown 500:500 "$skeleton/home/core"
cp -rT "$here/etc" "$skeleton/etc"
chmod 440 "$skeleton/etc/sudoers.d/core"

# --- /usr -------------------------------------------------------------------------------------------------------------
rm -rf "$usr"/{games,include,src} "$usr"/bin/{perl*,ignition-validate,busybox,dpkg*,cvtsudoers,localedef,scp,sftp,ssh,ssh-add,ssh-agent,ssh-keyscan} \
    "$usr"/bin/btrfs-* "$usr"/sbin/{cgdisk,debugfs,devlink,dhclient*,fixparts,gdisk,ldconfig,sudo_logsrvd,tc,visudo} "$usr"/lib/openssh \
    "$usr"/lib/{dracut,firmware,udev/hwdb*} "$usr"/lib/x86_64-linux-gnu/{gconv,perl*,libperl*,libbrotlienc.*,libdb-5*,libmvec.*} "$usr"/lib/systemd/user \
    "$usr"/share/{bash-completion,bug,common-licenses,doc,i18n,info,lintian,locale,man,perl*,zoneinfo,zsh}
mkdir -p "$usr/lib/systemd/user"

keep_modules ""

keep_only "$units/sysinit.target.wants" systemd-journald.service systemd-tmpfiles-setup.service \
    systemd-udev-trigger.service systemd-udevd.service
keep_only "$units/sockets.target.wants" 'systemd-journald?(-dev-log).socket' 'systemd-udevd-*.socket'
for target in multi-user timers local-fs; do keep_only "$units/$target.target.wants" none; done
keep_only "$usr/lib/systemd/system-generators" systemd-fstab-generator
keep_only "$usr/lib/udev/rules.d" 50-udev-default.rules 60-block.rules 60-persistent-storage.rules \
    80-drivers.rules 99-systemd.rules
keep_only "$usr/lib/tmpfiles.d" systemd.conf var.conf tmp.conf provision.conf
keep_only "$usr/lib/systemd/system-preset" none
keep_only "$units" '*.wants' '*.target' 'blockdev@.target' 'modprobe@.service' 'rescue.*' 'emergency.*' \
    'systemd-journald*' 'systemd-udevd*' systemd-udev-trigger.service systemd-udev-settle.service \
    'systemd-tmpfiles-setup*.service' systemd-machine-id-commit.service 'systemd-networkd*' 'systemd-fsck*' 'systemd-@(reboot|poweroff|halt).service' \
    user.slice console-getty.service
cp -rT "$here/usr" "$usr"

# Units that are of no use in the RAM of a test machine, and slow to load
for unit in systemd-firstboot systemd-journal-flush systemd-update-utmp systemd-remount-fs systemd-update-done \
    systemd-user-sessions; do
    ln -sf /dev/null "$units/$unit.service"
done
# Their Also= names units that are gone; `systemctl preset-all`, by which Ignition enables units, would stop there.
sed -i '/^\[Install\]/,$d' "$units"/systemd-networkd*.service "$units"/systemd-networkd.socket "$units/console-getty.service"
want() {
    mkdir -p "$units/$1.wants"
    ln -sf "../$2" "$units/$1.wants/$2"
}
ln -sf multi-user.target "$units/default.target"
want network-online.target systemd-networkd-wait-online.service
want multi-user.target systemd-networkd.service
want multi-user.target console-getty.service               # its prompt is what tells that the system is up
want sockets.target sshd.socket
want sysinit.target systemd-machine-id-commit.service
find "$units" -xtype l ! -lname /dev/null -delete

# One dangling alias or Also= makes preset-all stop; Ignition's units would then stay disabled without a word.
check=$(mktemp -d "$out/check.XXXX")
cp -a "$skeleton/." "$check/"
cp -a "$usr" "$check/usr"
chroot "$check" systemctl preset-all --preset-mode=enable-only
rm -rf "$check"

mkdir -p "$usr/share/standin"
mv "$skeleton" "$usr/share/standin/root"

# --- together ---------------------------------------------------------------------------------------------------------
mv "$usr" "$tree/usr"
# What both have is in the page cache once, and translated once by the emulator
hardlink --quiet --ignore-time --minimum-size 16K "$tree"/{initrd/usr,usr/bin,usr/lib,usr/sbin}
mksquashfs "$tree" "$out/usr.squashfs" -comp zstd -Xcompression-level 12 -b 256K -noappend -quiet -no-progress
rm -r "$tree"
