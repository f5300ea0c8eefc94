#!/usr/bin/env bash
# Makes Grille's images from Debian packages, with no container registry: grille/run, grille/build, grille/system.
#
#   images/build.sh            make what is missing; one line an image on stdout: "changed <name>" or "ok <name>"
#   images/build.sh --tags     print the three names and make nothing
#   images/build.sh --prune    and then remove older images of Grille that no container uses
#
# An image's tag is a digest of what it is made from, so nothing is made twice. Environment (all optional):
#   DEBIAN_SUITE      bookworm
#   DEBIAN_MIRROR     the suite's default mirrors
#   GRILLE_CA_BUNDLE  /etc/ssl/certs/ca-certificates.crt: trusted in all images; "none": Debian's own
#   PIP_INDEX_URL     an http(s) index of Python packages, for the images and for the apps built in them
#   GRILLE_EPOCH      any text; another one makes all images anew, with the packages of the day
set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C

die() { printf 'images/build.sh: %s\n' "$*" >&2; exit 1; }
say() { printf -- '--> %s\n' "$*" >&2; }

here=$(dirname "$(readlink -f "$0")")
root=$(dirname "$here")
export DEBIAN_SUITE=${DEBIAN_SUITE:-bookworm} DEBIAN_MIRROR=${DEBIAN_MIRROR:-} DOCKER_BUILDKIT=0
index=${PIP_INDEX_URL:-}
[[ $index == http* ]] || index="" # an index on this host's disk does not exist in a container

settle_ca_bundle() {
  local bundle=${GRILLE_CA_BUNDLE:-}
  if [[ -z $bundle ]]; then
    bundle=/etc/ssl/certs/ca-certificates.crt
    [[ -r $bundle ]] || bundle=none
  fi
  [[ $bundle != none ]] || bundle=""
  [[ -z $bundle || -r $bundle ]] || die "GRILLE_CA_BUNDLE=$bundle cannot be read: name a readable file, or none"
  export CA_BUNDLE=$bundle
}

# digest <word>... -- <path>...: 12 hexadecimal digits of the words and of the files' paths, modes and contents
digest() {
  local words=()
  while [[ $1 != -- ]]; do words+=("$1"); shift; done
  shift
  {
    printf '%s\n' "${words[@]}"
    cd "$root"
    find "$@" -type f ! -path '*/__pycache__/*' ! -name '*.pyc' -printf '%p %m\n' | sed -E 's/ .*[1357]..$/ x/; s/ [0-7]+$/ -/' | sort
    find "$@" -type f ! -path '*/__pycache__/*' ! -name '*.pyc' -print0 | sort -z | xargs -0 cat
  } | sha256sum | cut -c1-12
}

settle_tags() {
  local ca=none arch
  [[ -z $CA_BUNDLE ]] || ca=$(sha256sum <"$CA_BUNDLE")
  arch=$(uname -m)
  base=grille/base:$(digest "$DEBIAN_SUITE" "$DEBIAN_MIRROR" "$arch" "$ca" "${GRILLE_EPOCH:-}" -- images/base)
  run=grille/run:$(digest "$base" -- images/run src/grille/runner)
  build=grille/build:$(digest "$run" "$index" -- images/build buildpacks src/grille/__init__.py src/grille/wire src/grille/builder)
  system=grille/system:$(digest "$base" "$index" -- images/system src/grille)
}

have() { docker image inspect "$1" >/dev/null 2>&1; }

check_host() {
  [[ $(id -u) == 0 ]] || die "must run as root: mmdebstrap makes device nodes and owners; use sudo"
  command -v docker >/dev/null || die "docker is not installed: apt-get install docker.io"
  docker version >/dev/null 2>&1 || die "Docker Engine does not answer: start it (service docker start)"
}

check_debian() {
  command -v mmdebstrap >/dev/null || die "mmdebstrap is not installed: apt-get install mmdebstrap"
  local found
  found=$(find /usr/share/keyrings /etc/apt/trusted.gpg.d -name 'debian-archive*' -print -quit 2>/dev/null || true)
  [[ -n $found ]] || die "Debian's keys are not on this host: apt-get install debian-archive-keyring"
}

# logged <what> <command>...: run it with its output kept aside; the end of the output if it fails
logged() {
  local what=$1 log started=$SECONDS
  shift
  log=$(mktemp "$scratch/log.XXXXXX")
  say "$what"
  if ! "$@" >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    return 1
  fi
  say "$what: done in $((SECONDS - started)) s"
}

import_base() {
  local ca=/etc/ssl/certs/ca-certificates.crt changes=() name image
  for name in SSL_CERT_FILE PIP_CERT REQUESTS_CA_BUNDLE NODE_EXTRA_CA_CERTS CURL_CA_BUNDLE GIT_SSL_CAINFO; do
    changes+=(--change "ENV $name=$ca")
  done
  image=$("$here/base/make.sh" | docker import "${changes[@]}" --message "Debian $DEBIAN_SUITE for Grille" -) || return
  docker tag "$image" "$base"
}

make_base() {
  check_debian
  logged "$base: Debian $DEBIAN_SUITE by mmdebstrap" import_base || die "$base could not be made: see mmdebstrap's lines above"
}

# stage <kind>: the folder that is the build context of an image, holding what its Dockerfile copies
stage() {
  local kind=$1 to=$scratch/$1
  cp -r "$here/$kind" "$to"
  case $kind in
    run) cp "$root/src/grille/runner/runner.sh" "$to/runner" ;;
    build)
      cp -r "$root/buildpacks" "$to/buildpacks"
      mkdir "$to/grille"
      cp -r "$root"/src/grille/{__init__.py,wire,builder} "$to/grille/"
      ;;
    system) cp -r "$root/src/grille" "$to/grille" ;;
  esac
  find "$to" -name __pycache__ -prune -exec rm -rf {} +
  chmod -R u=rwX,go=rX "$to"
  [[ $kind != run ]] || chmod 755 "$to/runner"
  printf '%s' "$to"
}

# make_image <kind> <name> <build argument>...
make_image() {
  local kind=$1 name=$2 context arguments=() argument
  shift 2
  context=$(stage "$kind")
  [[ -z $index ]] || arguments+=(--build-arg "PIP_INDEX_URL=$index")
  for argument; do arguments+=(--build-arg "$argument"); done
  logged "$name" docker build --force-rm --tag "$name" "${arguments[@]}" "$context" || die "$name could not be made: see the lines above"
}

# want <kind> <name> <build argument>...: make the image if it is missing, and say on stdout whether it was
want() {
  if have "$2"; then
    printf 'ok %s\n' "$2"
  else
    make_image "$@"
    printf 'changed %s\n' "$2"
  fi
}

make_all() {
  local failed=0 job
  have "$base" || { have "$run" && have "$build" && have "$system"; } || make_base
  want run "$run" "BASE=$base"
  want build "$build" "RUN=$run" & local jobs=($!)
  want system "$system" "BASE=$base" & jobs+=($!)
  for job in "${jobs[@]}"; do wait "$job" || failed=1; done
  return $failed
}

prune() {
  local image
  docker images --format '{{.Repository}}:{{.Tag}}' --filter reference='grille/*' | while read -r image; do
    [[ " $base $run $build $system " == *" $image "* ]] && continue
    if docker rmi "$image" >/dev/null 2>&1; then say "$image: removed"; fi # refused while a container uses it
  done
}

settle_ca_bundle
settle_tags
case ${1:-} in
  --tags) printf '%s\n' "$run" "$build" "$system"; exit ;;
  "" | --prune) ;;
  *) die "unknown option $1: --tags, --prune or none" ;;
esac
check_host
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
exec 9>/run/lock/grille-images.lock
flock 9
make_all
[[ ${1:-} != --prune ]] || prune
