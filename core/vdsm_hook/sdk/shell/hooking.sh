# For hooks written in POSIX shell. To be sourced:
#
#     #!/bin/sh
#     set -eu
#     . "${VDSM_HOOK_SDK_SHELL:-/usr/share/vdsm-hook/shell}/hooking.sh"
#     hook_is_true "$(hook_property keep_core || :)" || exit 0
#     sed 's,<on_crash>[a-z-]*</on_crash>,<on_crash>coredump-destroy</on_crash>,' "$(hook_document)" |
#       hook_replace_document
#
# Sets no variables and no options of yours; safe under `set -eu`. hook_fail and hook_stop end the shell they
# are called in: inside $(...) or a pipe that is not the hook.
# shellcheck shell=sh

# hook_property NAME: prints the custom property (or vmId, ...). Status 1: not set; 2: not a name at all.
hook_property() {
  case "${1-}" in
    '' | [!A-Za-z_]* | *[!A-Za-z0-9_]*)
      hook_log "hook_property: '${1-}' is no property's name"
      return 2
      ;;
  esac
  # Only the name is evaluated, and it was checked.
  eval "[ -n \"\${$1+set}\" ]" || return 1
  eval "printf '%s\\n' \"\${$1}\""
}

# hook_is_true VALUE: `true` in any case, or an integer other than 0. `yes` and `on` are not true.
hook_is_true() {
  case "${1-}" in
    [Tt][Rr][Uu][Ee]) return 0 ;;
  esac
  # An integer as hooks in Python read it: blanks around, one sign, single underscores between digits.
  set -- "${1-}"
  set -- "${1#"${1%%[![:space:]]*}"}"
  set -- "${1%"${1##*[![:space:]]}"}"
  case "$1" in
    [+-]*) set -- "${1#?}" ;;
  esac
  case "$1" in
    _* | *_ | *__* | *[!0-9_]*) return 1 ;;
    *[1-9]*) return 0 ;;
  esac
  return 1
}

# hook_log TEXT: one line for the person (standard error).
hook_log() {
  printf '%s\n' "$*" >&2 || :
}

# hook_fail TEXT: ends the hook as failed; the hooks after it still run.
hook_fail() {
  hook_log "$*"
  exit 1
}

# hook_stop TEXT: ends the hook as failed, and no further hook of the event runs.
hook_stop() {
  hook_log "$*"
  exit 2
}

# hook_document: prints the path of the file that holds the event's XML or JSON; status 1 when there is none.
hook_document() {
  if [ -n "${_hook_domxml:-${_hook_json-}}" ]; then
    printf '%s\n' "${_hook_domxml:-${_hook_json-}}"
  else
    hook_log "this event hands no document over: neither _hook_domxml nor _hook_json is set"
    return 1
  fi
}

# hook_replace_document: standard input becomes the document, all of it or nothing. Status 1, the document as
# it was: the input is empty (most likely the command before the pipe failed), or it could not be written.
hook_replace_document() (
  document=$(hook_document) || exit 1
  new=$(mktemp "$document.XXXXXX") || exit 1
  trap 'rm -f -- "$new"' EXIT
  trap 'exit 1' HUP INT TERM
  if ! cat >"$new"; then
    hook_fail "hook_replace_document: the new document could not be written"
  fi
  if ! [ -s "$new" ]; then
    hook_fail "hook_replace_document: the new document is empty; the old one stays"
  fi
  mv -f -- "$new" "$document" || exit 1
)
