// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/capture.h"

const char *capture_mode(const struct capture *capture)
{
	if (capture->probes)
		return capture->snapshot ? "probes+snapshot" : "probes";
	return "snapshot";
}
