#!/bin/bash
# Starts what a container of Grille is for. The container's entry point is `tini -g -- /opt/grille/runner`.
#
#   runner start <process> <command line>   a process of an app, e.g. start web 'gunicorn --bind :$PORT app:app'
#   runner run <command line>...            a one-off command in the app's environment; its exit code passes through
#   runner build                            a build (in the build image)
#
# The app's environment is the container's, then /app/.profile.d/*.sh in order, then /app/.profile.

fail() {
  printf 'grille: %s\n' "$*" >&2
  exit 70 # EX_SOFTWARE of sysexits.h: the platform's fault, not the command's
}

enter_app() {
  [[ -d /app ]] || fail "/app is missing: the container was started without the app's slug"
  [[ -n $(ls -A /app) ]] || fail "/app is empty: the app's slug is not mounted; look at the host agent's log"
  cd /app || fail "/app cannot be entered by user $(id -un)"
  export HOME=/app USER=app
  local script
  for script in /app/.profile.d/*.sh /app/.profile; do
    # shellcheck disable=SC1090 # the app's own files
    [[ ! -f $script ]] || source "$script"
  done
}

# Tini signals the whole process group, so the app gets SIGTERM itself. Bash becomes a simple command (exec); for
# anything else it stays, and must outlive the app's graceful end: a trap runs after the foreground command is over.
run_line() {
  if [[ $1 == *[$';&|()\n']* ]]; then
    exec bash -c "trap 'wait; exit 143' TERM; $1"
  fi
  exec bash -c "$1"
}

main() {
  local verb=${1:-}
  shift || true
  case $verb in
    start)
      [[ $# == 2 && -n $2 ]] || fail "start needs a process type and a command line"
      enter_app
      run_line "$2"
      ;;
    run)
      [[ $# -ge 1 && -n $* ]] || fail "run needs a command line"
      enter_app
      run_line "$*"
      ;;
    build)
      [[ -d /opt/grille/lib/grille/builder ]] || fail "this image cannot build: use grille/build"
      cd /tmp || fail "/tmp cannot be entered"
      exec env PYTHONPATH=/opt/grille/lib python3 -u -m grille.builder
      ;;
    *) fail "unknown verb '$verb': use start, run or build" ;;
  esac
}

main "$@"
