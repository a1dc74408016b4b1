#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Builds the oracle below build/oracle/1.XX/, for every Go toolchain that is there:
#
#	plain     as go build makes it
#	pie       position independent, trimmed paths
#	external  with cgo, linked by the C linker
#	extpie    both
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)

export GOCACHE="$root/build/gocache" GOPATH="$root/build/gopath" GOENV=off GOFLAGS='' GOWORK=off
export GO111MODULE=off GOTOOLCHAIN=local

build() { # GO NAME CGO [FLAGS...]
	go=$1 name=$2 cgo=$3
	shift 3
	(cd "$here" && CGO_ENABLED=$cgo "$go" build -p 2 -o "$out/$name" "$@")
}

for go in "$root"/build/deps/go/*/bin/go /usr/lib/go-*/bin/go; do
	[ -x "$go" ] || continue
	version=${go%/bin/go}
	version=${version##*/}
	out=$root/build/oracle/${version#go-}
	[ -e "$out/extpie" ] && [ -z "$(find "$here" -newer "$out/extpie" -name '*.go')" ] && continue
	mkdir -p "$out"
	echo "  GO      oracle ${version#go-}"
	build "$go" plain 0 main.go
	build "$go" pie 0 -buildmode=pie -trimpath main.go
	build "$go" external 1 -tags withcgo
	build "$go" extpie 1 -tags withcgo -buildmode=pie
done
