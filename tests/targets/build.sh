#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Builds the target programs below build/targets/, for every Go toolchain that is there or for those
# named: build.sh [1.19 1.24 ...]
#
#	1.XX/NAME           as go build makes it
#	1.XX/stripped/NAME  no symbol table, no DWARF
#	1.XX/pie/NAME       position independent, stripped, trimmed paths
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=$root/build/targets

export GOCACHE="$root/build/gocache" GOPATH="$root/build/gopath" GOENV=off GOFLAGS="" GOWORK=off
export GO111MODULE=on GOPROXY=off GOSUMDB=off GOTOOLCHAIN=local

toolchain() { # VERSION
	for go in "$root/build/deps/go/$1/bin/go" "/usr/lib/go-$1/bin/go"; do
		if [ -x "$go" ]; then
			echo "$go"
			return
		fi
	done
	echo "build.sh: no Go $1; scripts/deps test gets it" >&2
	return 1
}

versions() {
	for go in "$root"/build/deps/go/*/bin/go /usr/lib/go-*/bin/go; do
		[ -x "$go" ] || continue
		version=${go%/bin/go}
		version=${version##*/}
		echo "${version#go-}"
	done | sort -Vu
}

build() { # GO SUBDIRECTORY CGO [FLAGS...] PACKAGES...
	go=$1 dir=$out/$2 cgo=$3
	shift 3
	mkdir -p "$dir"
	(cd "$here" && CGO_ENABLED=$cgo "$go" build -p 2 -buildvcs=false -o "$dir/" "$@")
}

plain() { # every program but those that need C, and what is built with -race
	for main in "$here"/*/main.go; do
		name=$(basename "$(dirname "$main")")
		[ "$name" = zoo_cgo ] || [ "$name" = races ] || echo "./$name"
	done
}

# The list of versions and the list of packages are to be split.
# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $(versions)
for version; do
	go=$(toolchain "$version")
	echo "  GO      targets $version"
	# shellcheck disable=SC2046
	build "$go" "$version" 0 $(plain)
	build "$go" "$version/stripped" 0 -ldflags='-s -w' ./counts ./frames ./leaks ./zoo ./holders ./incidents \
		./lock_names ./weighted
	build "$go" "$version/pie" 0 -buildmode=pie -trimpath -ldflags='-s -w' ./counts ./frames ./leaks ./zoo ./holders \
		./lock_names
	# 1.27 has the profile without being asked for it
	[ "$version" != 1.26 ] ||
		GOEXPERIMENT=goroutineleakprofile build "$go" "$version" 0 ./leaks
	build "$go" "$version" 1 ./zoo_cgo
	build "$go" "$version/stripped" 1 -ldflags='-s -w' ./zoo_cgo
done
