// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A descriptor's link names the socket's inode; the tables in /proc/PID/net have it by that. */
#include "collect/peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "collect/addr_map.h"
#include "collect/labels.h"

#define TABLE_ROWS_MAX (1U << 20)
#define LISTENING 0x0A /* TCP_LISTEN */

struct peers {
	pid_t pid;
	struct snapshot *snapshot;
	struct addr_map
		wanted; /* by inode: offset in snapshot->strings of what is known, 0: nothing */
};

/* The kernel prints addresses as 32-bit words in the machine's order. */
static bool parse_address(const char *hex, int words, uint32_t *address)
{
	for (int i = 0; i < words; i++, hex += 8)
		if (sscanf(hex, "%8x", &address[i]) != 1)
			return false;
	return true;
}

static bool format_address(const char *hex, char *text, size_t size)
{
	size_t len = strcspn(hex, ":");
	char host[INET6_ADDRSTRLEN];
	bool is_v6 = len == 32;
	uint32_t address[4];
	unsigned port;

	if ((len != 8 && len != 32) || !parse_address(hex, is_v6 ? 4 : 1, address) ||
	    sscanf(hex + len, ":%x", &port) != 1)
		return false;
	if (!inet_ntop(is_v6 ? AF_INET6 : AF_INET, address, host, sizeof(host)))
		return false;
	snprintf(text, size, is_v6 ? "[%s]:%u" : "%s:%u", host, port);
	return true;
}

static int note(struct peers *peers, unsigned long inode, const char *text)
{
	uint32_t *slot = addr_map_get(&peers->wanted, inode);
	uint32_t at;

	if (!slot)
		return 0;
	if (snapshot_add_string(peers->snapshot, text, strlen(text), &at))
		return -ENOMEM;
	*slot = at;
	return 0;
}

/* "sl: local remote state queues timer retransmits uid timeout inode ..." */
static int take_inet(struct peers *peers, const char *row)
{
	char local[64], remote[64], address[80], text[100];
	unsigned long inode;
	unsigned state;

	if (sscanf(row, "%*d: %63s %63s %x %*s %*s %*s %*d %*d %lu", local, remote, &state,
		   &inode) != 4 ||
	    !addr_map_get(&peers->wanted, inode) ||
	    !format_address(state == LISTENING ? local : remote, address, sizeof(address)))
		return 0;
	snprintf(text, sizeof(text), "%s%s", state == LISTENING ? "listening on " : "", address);
	return note(peers, inode, text);
}

/* "num: references protocol flags type state inode path" */
static int take_unix(struct peers *peers, const char *row)
{
	char path[128] = "", text[140];
	unsigned long inode;

	if (sscanf(row, "%*[^:]: %*s %*s %*s %*s %*s %lu %127s", &inode, path) < 1)
		return 0;
	snprintf(text, sizeof(text), "unix:%s", path);
	return note(peers, inode, text);
}

static int read_table(struct peers *peers, const char *name,
		      int (*take)(struct peers *peers, const char *row))
{
	char path[64], row[512];
	int status = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/net/%s", peers->pid, name);
	file = fopen(path, "re");
	if (!file)
		return 0;
	for (unsigned i = 0; !status && i < TABLE_ROWS_MAX && fgets(row, sizeof(row), file); i++)
		status = take(peers, row);
	fclose(file);
	return status;
}

/* 0: not a socket, then `text` has what the link says; else the inode. */
static unsigned long inode_of(pid_t pid, int fd, char *text, size_t size)
{
	unsigned long inode = 0;
	char path[64];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	len = readlink(path, text, size - 1);
	text[len > 0 ? len : 0] = '\0';
	return sscanf(text, "socket:[%lu]", &inode) == 1 ? inode : 0;
}

int peers_find(pid_t pid, struct snapshot *snapshot)
{
	struct peers peers = { .pid = pid, .snapshot = snapshot };
	unsigned long *inodes = calloc(snapshot->goroutines.len + 1, sizeof(*inodes));
	int status = inodes ? 0 : -ENOMEM;

	for (size_t i = 0; !status && i < snapshot->goroutines.len; i++) {
		struct goroutine *goroutine = &snapshot->goroutines.data[i];
		char text[256];

		goroutine->peer = 0;
		if (goroutine->wait_kind != WAIT_NETWORK || goroutine->fd < 0)
			continue;
		inodes[i] = inode_of(pid, goroutine->fd, text, sizeof(text));
		if (inodes[i] && !addr_map_put(&peers.wanted, inodes[i]))
			status = -ENOMEM;
		else if (!inodes[i] && text[0])
			status =
				snapshot_add_string(snapshot, text, strlen(text), &goroutine->peer);
	}
	if (!status && peers.wanted.used) {
		static const char *const inet[] = { "tcp", "tcp6", "udp", "udp6" };

		for (size_t i = 0; !status && i < sizeof(inet) / sizeof(inet[0]); i++)
			status = read_table(&peers, inet[i], take_inet);
		if (!status)
			status = read_table(&peers, "unix", take_unix);
	}
	for (size_t i = 0; !status && i < snapshot->goroutines.len; i++)
		if (inodes[i])
			snapshot->goroutines.data[i].peer = *addr_map_get(&peers.wanted, inodes[i]);
	addr_map_free(&peers.wanted);
	free(inodes);
	return status;
}
