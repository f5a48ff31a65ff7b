# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Completion of wfhost's commands and options for bash.  Both come from `wfhost --help` and
# `wfhost COMMAND --help`, so that they are those of the installed version.

_wfhost() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command='' i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} != -* ]]; then
            command=${COMP_WORDS[i]}
            break
        fi
    done
    case $previous in
    --log-format) mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$word") ;;
    --log-level) mapfile -t COMPREPLY < <(compgen -W 'debug info warn error' -- "$word") ;;
    --plugin) mapfile -t COMPREPLY < <(compgen -f -X '!*.so' -- "$word") ;;
    --state-dir) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
    *)
        if [[ $word == -* ]]; then
            # shellcheck disable=SC2086
            mapfile -t COMPREPLY < <(compgen -W "$(wfhost $command --help 2>/dev/null |
                grep -oE '(^|[ ,])--[a-z-]+')" -- "$word")
        elif [ -z "$command" ]; then
            mapfile -t COMPREPLY < <(compgen -W "$(wfhost --help 2>/dev/null |
                sed -n '/^commands:/,/^$/s/^  \([a-z-]*\).*/\1/p')" -- "$word")
        elif [ "$command" = dead-letters ] && [ "$previous" = dead-letters ]; then
            mapfile -t COMPREPLY < <(compgen -W 'list replay drop' -- "$word")
        else
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
        fi
        ;;
    esac
}
complete -o filenames -F _wfhost wfhost
