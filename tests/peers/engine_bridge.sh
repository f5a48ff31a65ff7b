# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# engine_bridge - the bridge's own tests, with Go's race detector, and what Go's tools say of its sources.
command -v go >/dev/null || PATH=$PATH:/usr/local/go/bin
command -v go >/dev/null || skip "there is no Go"
cd "$SOURCE_DIR/bridge" || exit
same '' "$(gofmt -l .)" "files that gofmt would change"
export GOFLAGS=-buildvcs=false
go mod verify >/dev/null || skip "the modules of the bridge cannot be got"
go vet ./...
go test -race -count=1 ./...
