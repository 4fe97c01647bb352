#!/bin/bash
# dracut module: what Flatcar's initrd does around Ignition, as small as it can be.
# shellcheck disable=SC2154  # dracut says where: $initdir, $moddir

check() {
    return 255  # only when it is asked for
}

depends() {
    echo systemd ignition
}

install() {
    local systemd=$initdir/usr/lib/systemd unit

    inst_multiple base64 cat cp curl grep ip journalctl ln ls mkdir modprobe mount mountpoint poweroff reboot rm sed sleep sync tail umount

    # Flatcar's kernel arguments instead of upstream's
    cp "$moddir/ignition-generator" "$systemd/system-generators/ignition-generator"
    chmod 755 "$systemd/system-generators/ignition-generator"

    # What the kernel's command line brings for Ignition's units
    inst_script "$moddir/standin-credentials" /usr/lib/systemd/system-generators/standin-credentials

    # The root: RAM or the partition ROOT, with /usr from the squashfs that this initrd came out of
    inst_script "$moddir/standin-root" /usr/sbin/standin-root
    inst_simple "$moddir/standin-root.service" /usr/lib/systemd/system/standin-root.service
    mkdir -p "$systemd/system/initrd-root-fs.target.requires"
    ln -s ../standin-root.service "$systemd/system/initrd-root-fs.target.requires/"

    # An installed system's config, and the end of its first boot; ignition-generator switches them on
    inst_script "$moddir/standin-disk" /usr/sbin/standin-disk
    for unit in standin-oem.service standin-quench.service; do
        inst_simple "$moddir/$unit" "/usr/lib/systemd/system/$unit"
    done

    # Debian's program for this only says that there is none
    cp "$moddir/standin-kargs" "$initdir/usr/sbin/ignition-kargs-helper"

    # When Ignition fails, the console says why before the emergency shell opens
    inst_script "$moddir/standin-failure" /usr/sbin/standin-failure
    for unit in emergency.service dracut-emergency.service; do
        mkdir -p "$systemd/system/$unit.d"
        printf '[Service]\nExecStartPre=-/usr/sbin/standin-failure\n' > "$systemd/system/$unit.d/10-standin.conf"
    done

    # A lease is asked for on every network card, as the system itself does
    mkdir -p "$initdir/etc/systemd/network"
    cp "$moddir"/*.network "$initdir/etc/systemd/network/"

    # Debian builds Ignition with SELinux relabelling switched on; there is no policy here, and nothing to relabel
    printf '#!/bin/sh\nexit 0\n' > "$initdir/usr/sbin/setfiles"
    chmod 755 "$initdir/usr/sbin/setfiles"

    # Speed under emulation: systemd and Ignition do the work, dracut's shell hooks and most of udev are not needed
    for unit in cmdline cmdline-ask pre-udev pre-trigger initqueue pre-mount mount pre-pivot shutdown; do
        ln -sf /dev/null "$systemd/system/dracut-$unit.service"
        rm -f "$initdir"/etc/systemd/system/*.wants/dracut-$unit.service "$systemd"/system/*.wants/dracut-$unit.service
    done
    for unit in kmod-static-nodes.service systemd-modules-load.service systemd-sysctl.service systemd-sysusers.service \
        systemd-network-generator.service systemd-networkd-wait-online.service systemd-journald-audit.socket \
        systemd-ask-password-console.path systemd-tmpfiles-setup.service systemd-tmpfiles-setup-dev.service; do
        ln -sf /dev/null "$systemd/system/$unit"
    done
    # a btrfs of one device needs nobody who waits for others, and so no driver before it is mounted
    rm -f "$systemd"/system-generators/{dracut-rootfs-generator,systemd-debug-generator,systemd-gpt-auto-generator} \
        "$initdir"/usr/lib/udev/rules.d/{50-firmware,60-cdrom_id,64-btrfs,70-uaccess,71-seat,73-seat-late}.rules \
        "$initdir"/usr/lib/udev/rules.d/{75-net-description,80-net-setup-link}.rules "$initdir"/etc/udev/rules.d/*
    inst_simple /usr/lib/systemd/journald.conf.d/standin.conf
    mkdir -p "$systemd/system/systemd-udev-trigger.service.d"
    cp "$moddir/few-devices.conf" "$systemd/system/systemd-udev-trigger.service.d/"
}

installkernel() {
    instmods virtio_net virtio_blk virtio_pci virtio_rng nvme loop squashfs overlay vfat nls_cp437 \
        nls_ascii nls_utf8 btrfs qemu_fw_cfg efivarfs af_packet autofs4
}
