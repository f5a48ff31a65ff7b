# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What every script here needs: the project's root as $root, packages, the list of files.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

die() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

# project_files [PATTERN...] - the files that belong to the project, git's own or about to be.
project_files() {
    git -C "$root" ls-files --cached --others --exclude-standard --deduplicate -- "$@" |
        while IFS= read -r file; do
            if [ -f "$root/$file" ]; then printf '%s\n' "$file"; fi
        done
}

# What is needed, and the Debian package that has it: `command NAME` on the path, `daemon NAME` where
# servers are, `library NAME` as pkg-config knows it, `runtime NAME` of clang's sanitizers, `server
# postgresql`.
packages_to_build='
command gcc             gcc
command g++             g++
command cmake           cmake
command ninja           ninja-build
command pkg-config      pkg-config
library libcjson        libcjson-dev
library yaml-0.1        libyaml-dev
library libcurl         libcurl4-openssl-dev
library sqlite3         libsqlite3-dev
library libmicrohttpd   libmicrohttpd-dev
library libpq           libpq-dev
library rdkafka         librdkafka-dev
command sqlite3         sqlite3
'
# shellcheck disable=SC2034
packages_to_test="$packages_to_build
library check           check
command git             git
command clang           clang
runtime fuzzer          libclang-rt-dev
command clang-format    clang-format
command clang-tidy      clang-tidy
command shellcheck      shellcheck
command ctags           universal-ctags
command ccache          ccache
command curl            curl
command strip           binutils
server  postgresql      postgresql
"
# shellcheck disable=SC2034
packages_for_peers='
command npm             npm
command mvn             maven
command javac           default-jdk-headless
command kcat            kcat
command mariadb         mariadb-client-core
daemon  mariadbd        mariadb-server-core
'

have_runtime() {
    [ -e "$(clang -print-file-name="libclang_rt.$1-$(uname -m).a" 2>/dev/null)" ]
}

# A server's programs are in no $PATH; the tests find them like this.
have_server() {
    "$root/tests/support/pg_server" bin >/dev/null 2>&1
}

# packages_missing TABLE - the packages of the table's rows that are not there.
packages_missing() {
    local kind name package
    while read -r kind name package; do
        case $kind in
        command) command -v "$name" >/dev/null || echo "$package" ;;
        daemon) PATH=$PATH:/usr/sbin:/sbin command -v "$name" >/dev/null || echo "$package" ;;
        library) pkg-config --exists "$name" 2>/dev/null || echo "$package" ;;
        runtime) have_runtime "$name" || echo "$package" ;;
        server) have_server || echo "$package" ;;
        esac
    done <<<"$1"
}

# packages_install TABLE - installs what is missing, through apt-get, as root or with sudo.
packages_install() {
    local missing as_root=()
    mapfile -t missing < <(packages_missing "$1" | sort -u)
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || die "please install: ${missing[*]} (Debian's names)"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "please install: ${missing[*]}"
        as_root=(sudo)
    fi
    echo "Installing ${missing[*]}"
    "${as_root[@]}" apt-get -o Acquire::Retries=3 -qq update
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 -qq -y \
        --no-install-recommends install "${missing[@]}" >/dev/null
    mapfile -t missing < <(packages_missing "$1" | sort -u)
    [ ${#missing[@]} -eq 0 ] || die "still missing after apt-get: ${missing[*]}"
}

# build PRESET [CMAKE_OPTION...] [--target TARGET...] - configures and builds build/PRESET, or those targets.
build() {
    local preset=$1 options=()
    shift
    while [ $# -gt 0 ] && [ "$1" != --target ]; do
        options+=("$1")
        shift
    done
    (cd "$root" && cmake --preset "$preset" "${options[@]}" && cmake --build --preset "$preset" "$@")
}
