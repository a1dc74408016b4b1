// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "export/flame_text.h"

int flame_svg(FILE *out, const struct flame_source *source)
{
	(void)source;
	fputs("<svg/>", out);
	return 0;
}
