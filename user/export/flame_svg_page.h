/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every picture of a flame holds besides its boxes: how it looks, and what it does. */
#ifndef EXPORT_FLAME_SVG_PAGE_H
#define EXPORT_FLAME_SVG_PAGE_H

extern const char flame_svg_style[];
extern const char flame_svg_script[];

#endif
