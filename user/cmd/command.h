/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The commands; main.c has the table of them. */
#ifndef CMD_COMMAND_H
#define CMD_COMMAND_H

#include "cmd/options.h"

#define STATUS_FOUND 3 /* of leaks and diagnose: something is wrong */

/* 0, -errno with the error filled in, or a positive exit status of its own (STATUS_FOUND). */
int cmd_top(const struct options *options, struct err *err);
int cmd_tasks(const struct options *options, struct err *err);
int cmd_stacks(const struct options *options, struct err *err);
int cmd_locks(const struct options *options, struct err *err);
int cmd_waits(const struct options *options, struct err *err);
int cmd_chans(const struct options *options, struct err *err);
int cmd_diagnose(const struct options *options, struct err *err);
int cmd_flame(const struct options *options, struct err *err);
int cmd_record(const struct options *options, struct err *err);
int cmd_report(const struct options *options, struct err *err);
int cmd_leaks(const struct options *options, struct err *err);
int cmd_ls(const struct options *options, struct err *err);
int cmd_doctor(const struct options *options, struct err *err);

#endif
