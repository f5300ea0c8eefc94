#!/usr/bin/env bash
# Writes the root file system that all images start from to stdout, as a tar archive. Called by build.sh.
# In: DEBIAN_SUITE, DEBIAN_MIRROR (may be empty: the suite's own), CA_BUNDLE (may be empty: Debian's).
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
packages=$(grep -v '^#' "$here/packages" | paste -sd,)
options=(
  --mode=root --variant=minbase --format=tar --include="$packages"
  --aptopt='APT::Install-Recommends "false"'
  --aptopt='Acquire::Languages "none"'
  --aptopt='Acquire::Retries "3"'
  --dpkgopt=force-unsafe-io
  --dpkgopt='path-exclude=/usr/share/man/*'
  --dpkgopt='path-exclude=/usr/share/info/*'
  --dpkgopt='path-exclude=/usr/share/doc/*'
  --dpkgopt='path-include=/usr/share/doc/*/copyright'
  --dpkgopt='path-exclude=/usr/share/locale/*'
  # Packages must not start their daemons while an image is made.
  --customize-hook='printf "#!/bin/sh\nexit 101\n" >"$1/usr/sbin/policy-rc.d" && chmod 755 "$1/usr/sbin/policy-rc.d"'
)
for keyring in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
  if [[ -r $keyring ]]; then
    options+=(--keyring="$keyring")
    break
  fi
done
if [[ -n $CA_BUNDLE ]]; then
  options+=(--customize-hook="cat '$CA_BUNDLE' >\"\$1/etc/ssl/certs/ca-certificates.crt\"")
fi
mirror=()
[[ -z $DEBIAN_MIRROR ]] || mirror=("$DEBIAN_MIRROR")

exec mmdebstrap "${options[@]}" "$DEBIAN_SUITE" - "${mirror[@]}"
