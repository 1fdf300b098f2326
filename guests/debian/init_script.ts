/** `/init` of the Debian guest: the first process, a script for busybox's shell. */

/** Lists the modules to load, one path a line, in order. */
export const MODULE_LIST = "usr/lib/modules/hindsight.order";
/** What `--run` gave; absent: an interactive shell. */
export const COMMAND_FILE = "run/hindsight/command";
/** Where the first disk is mounted if it holds an ext4 file system. */
export const DISK_FOLDER = "mnt";

/**
 * Mounts what a command expects, loads the drivers, mounts the first disk, runs the command, and
 * ends the machine: powered off after status 0, else through the test finisher, whose word is
 * 0x3333 with the code above it (QEMU, hw/misc/sifive_test.c).
 */
export const INIT_SCRIPT = String.raw`#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=vt100

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
echo debian > /proc/sys/kernel/hostname
while read -r module; do
  insmod "$module"
done < /${MODULE_LIST}
ip link set lo up

# A disk without a file system is not an error: the command may want to make one.
mounted=
if [ -b /dev/vda ]; then
  # s_magic of the superblock (Linux, Documentation/filesystems/ext4/super.rst)
  if [ "$(xxd -p -s 1080 -l 2 /dev/vda)" = 53ef ]; then
    mount -t ext4 /dev/vda /${DISK_FOLDER} && mounted=yes
  fi
fi

cd /root
status=0
if [ -e /${COMMAND_FILE} ]; then
  sh -c "$(cat /${COMMAND_FILE})"
  status=$?
else
  setsid cttyhack sh
fi

cd /
sync
if [ "$mounted" ] && ! umount /${DISK_FOLDER}; then
  # Something that the command left behind holds it.
  kill -9 -1
  umount /${DISK_FOLDER} || mount -o remount,ro /${DISK_FOLDER}
fi
# Waits until the serial port has sent everything: the finisher stops the machine at once.
stty sane < /dev/console
if [ $status != 0 ]; then
  devmem 0x100000 32 $((status << 16 | 0x3333))
fi
poweroff -f
while :; do sleep 1; done
`;
