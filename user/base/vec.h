/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A growing array of any type: struct { T *data; size_t len, cap; }, zero-initialised.
 * vec_push gives a pointer to a zeroed new element, or NULL when memory is short.
 * The pointer is good until the next push.
 */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include <stddef.h>

#define VEC(T)                                                                                     \
	struct {                                                                                   \
		T *data;                                                                           \
		size_t len, cap;                                                                   \
	}

#define vec_push(vec)                                                                              \
	((__typeof__((vec)->data))vec_grow((void **)&(vec)->data, &(vec)->len, &(vec)->cap,        \
					   sizeof(*(vec)->data)))
/*
 * Asks for room for so many elements in all, where it is known beforehand: growing step by step copies them
 * each time. When memory is short, what adds elements will say so.
 */
#define vec_reserve(vec, count)                                                                    \
	vec_make_room((void **)&(vec)->data, (vec)->len, &(vec)->cap, count, sizeof(*(vec)->data))

/* So many elements more, copied from elsewhere. 0, -ENOMEM. */
#define vec_append(vec, elements, count)                                                           \
	vec_append_elements((void **)&(vec)->data, &(vec)->len, &(vec)->cap, elements, count,      \
			    sizeof(*(vec)->data))

#define vec_free(vec) vec_release((void **)&(vec)->data, &(vec)->len, &(vec)->cap)

/* compare: as qsort_r's. */
#define vec_sort(vec, compare, ctx)                                                                \
	vec_sort_elements((vec)->data, (vec)->len, sizeof(*(vec)->data), compare, ctx)

void vec_sort_elements(void *data, size_t len, size_t element_size,
		       int (*compare)(const void *, const void *, void *), void *ctx);
void *vec_grow(void **data, size_t *len, size_t *cap, size_t element_size);
void vec_make_room(void **data, size_t len, size_t *cap, size_t count, size_t element_size);
int vec_append_elements(void **data, size_t *len, size_t *cap, const void *from, size_t count,
			size_t element_size);
void vec_release(void **data, size_t *len, size_t *cap);

#endif
