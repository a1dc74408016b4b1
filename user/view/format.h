/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef VIEW_FORMAT_H
#define VIEW_FORMAT_H

#include "model/format.h"

#endif
