/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a probe hit costs on this machine, measured on functions of our own. */
#ifndef PROBE_CALIBRATE_H
#define PROBE_CALIBRATE_H

#include <bpf/libbpf.h>
#include <stdbool.h>

struct calibration {
	double emulated_ns; /* of the trap and an empty program */
	double stepped_ns;  /* the same on an instruction that is single-stepped */
};

/* `nothing` is a loaded program that does nothing. Takes some 50 ms, few of them busy. 0; -errno. */
int calibrate(struct bpf_program *nothing, bool multi, struct calibration *calibration);

#endif
