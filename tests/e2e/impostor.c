// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A process that is not Go and pretends to be: it carries the function table and the build info of
 * a real program (table and info, two files in the assembler's search path), something that looks
 * like module data, and the names of the runtime's variables. The list of goroutines that those
 * lead to is as long as the argument says, and every word of it and of what it points to is a
 * pointer into one circle.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WORDS 65536

extern uint64_t allglen __asm__("runtime.allglen"), allgptr __asm__("runtime.allgptr");
uint64_t allglen, allgptr, circle[WORDS];

__asm__(".section .gopclntab,\"a\"\n"
	".balign 32\n"
	"table: .incbin \"table\"\n"
	".section .go.buildinfo,\"aw\"\n"
	".balign 16\n"
	".incbin \"info\"\n"
	".data\n"
	".balign 8\n"
	".quad table\n"
	".set i, 0\n"
	".rept 256\n"
	".quad main + i\n"
	".set i, i + 1\n"
	".endr\n"
	".text\n");

int main(int argc, char **argv)
{
	allglen = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	allgptr = (uint64_t)circle;
	for (size_t i = 0; i < WORDS; i++)
		circle[i] = (uint64_t)&circle[i * 7919 % (WORDS / 2)];
	printf("ready pid=%d\n", getpid());
	fflush(stdout);
	getchar();
	return 0;
}
