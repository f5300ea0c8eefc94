#!/bin/bash
# Process 1 of a host: makes its root from the shared root file system and its own disk, then starts sshd and dockerd.
#   init.sh NAME DISK ROOTFS CONTROLLERS...
# Called by host.py in the host's new namespaces; CONTROLLERS are cgroup v1 hierarchies as they are mounted (cpu,cpuacct).
set -eu
name=$1 disk=$2 rootfs=$3
shift 3

hostname "$name"
mount -t overlay overlay -o "lowerdir=$rootfs,upperdir=$disk/root,workdir=$disk/work" "$disk/merged"
cd "$disk/merged"
# Overlays cannot lie on overlays: Docker's and Grille's data are on the disk itself.
mount --bind "$disk/lib" var/lib
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
for controllers; do
  mkdir "sys/fs/cgroup/$controllers"
  case $controllers in
    systemd) mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd ;;
    *) mount -t cgroup -o "$controllers" cgroup "sys/fs/cgroup/$controllers" ;;
  esac
done
mount --rbind /dev dev
mount -t tmpfs -o mode=755 tmpfs run
mkdir -p run/sshd run/lock old
printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$name" >etc/hosts # dockerd asks for its own name at its start
echo "$name" >etc/hostname
cat /etc/resolv.conf >etc/resolv.conf
pivot_root . old
mount --make-rprivate /
umount -l /old

echo 0 >/proc/sys/net/ipv4/ip_forward # as on a fresh machine: Docker switches it on, and its policy to DROP
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
unset SSH_CONNECTION SSH_CLIENT
ssh-keygen -A >/dev/null
/usr/sbin/sshd
rm -f /var/run/docker.pid
dockerd >>/var/log/docker.log 2>&1 &
exec tini -s -- sleep infinity
