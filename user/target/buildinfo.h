/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Go's build information, as `go version -m` reads it (debug/buildinfo, Go 1.18 on). */
#ifndef TARGET_BUILDINFO_H
#define TARGET_BUILDINFO_H

#include <stdbool.h>

#include "target/elf_image.h"

struct go_version {
	int major, minor, patch; /* patch -1: unreleased ("devel", "go1.27-abc") */
};

struct buildinfo {
	char go_version[64]; /* "go1.24.4" */
	struct go_version version;
	char path[256]; /* main package path, "" when unknown */
	char module[256];
	char vcs_revision[64];
	bool trimpath;
};

/* "go1.24.4", "go1.27rc1", "devel go1.28-0f3a", "go1.22.12 X:boringcrypto"; 0 or -EINVAL. */
int go_version_parse(const char *text, struct go_version *version);

/*
 * Found by the section .go.buildinfo, else by its magic in the segments. -ENOENT: not a Go binary;
 * -ENOTSUP: Go before 1.18, gccgo or TinyGo; -ENOEXEC: damaged.
 */
int buildinfo_read(const struct elf_image *image, struct buildinfo *info, struct err *err);

#endif
