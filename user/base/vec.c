// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/vec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void *vec_grow(void **data, size_t *len, size_t *cap, size_t element_size)
{
	char *element;

	if (*len == *cap) {
		size_t wanted = *cap ? *cap * 2 : 16;
		void *grown = reallocarray(*data, wanted, element_size);

		if (!grown)
			return NULL;
		*data = grown;
		*cap = wanted;
	}
	element = (char *)*data + *len * element_size;
	memset(element, 0, element_size);
	(*len)++;
	return element;
}

void vec_make_room(void **data, size_t len, size_t *cap, size_t count, size_t element_size)
{
	void *grown;

	if (count <= *cap)
		return;
	/* nothing is to be copied */
	if (!len) {
		free(*data);
		*data = NULL;
		*cap = 0;
	}
	grown = reallocarray(*data, count, element_size);
	if (!grown)
		return;
	*data = grown;
	*cap = count;
}

int vec_append_elements(void **data, size_t *len, size_t *cap, const void *from, size_t count,
			size_t element_size)
{
	if (*len + count > *cap) {
		size_t wanted = *len + count > *cap * 2 ? *len + count : *cap * 2;
		void *grown = reallocarray(*data, wanted, element_size);

		if (!grown)
			return -ENOMEM;
		*data = grown;
		*cap = wanted;
	}
	if (count)
		memcpy((char *)*data + *len * element_size, from, count * element_size);
	*len += count;
	return 0;
}

void vec_sort_elements(void *data, size_t len, size_t element_size,
		       int (*compare)(const void *, const void *, void *), void *ctx)
{
	/* an empty vector has no memory, which qsort must not be given */
	if (len > 1)
		qsort_r(data, len, element_size, compare, ctx);
}

void vec_release(void **data, size_t *len, size_t *cap)
{
	free(*data);
	*data = NULL;
	*len = *cap = 0;
}
