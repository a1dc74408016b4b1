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

#define MISSES_MAX 3 /* so often a socket that is in none of the tables is looked for */

struct peer {
	char *text; /* NULL: unknown */
	uint32_t at;
	uint8_t misses;
};

/* The sockets of one snapshot. */
struct sockets {
	struct addr_map by_inode; /* index in `list` + 1 */
	VEC(struct peer) list;
};

struct peers {
	pid_t pid;
	struct sockets now, last;
	size_t missing; /* of `now`, to be looked for */
};

static void sockets_free(struct sockets *sockets)
{
	for (size_t i = 0; i < sockets->list.len; i++)
		free(sockets->list.data[i].text);
	vec_free(&sockets->list);
	addr_map_free(&sockets->by_inode);
}

struct peers *peers_new(pid_t pid)
{
	struct peers *peers = calloc(1, sizeof(*peers));

	if (peers)
		peers->pid = pid;
	return peers;
}

void peers_free(struct peers *peers)
{
	if (!peers)
		return;
	sockets_free(&peers->now);
	sockets_free(&peers->last);
	free(peers);
}

static struct peer *peer_of(struct sockets *sockets, unsigned long inode)
{
	const uint32_t *number = addr_map_get(&sockets->by_inode, inode);

	return number && *number ? &sockets->list.data[*number - 1] : NULL;
}

/* What was known of it moves on to this snapshot. */
static int want(struct peers *peers, unsigned long inode)
{
	uint32_t *number = addr_map_put(&peers->now.by_inode, inode);
	struct peer *peer, *known;

	if (number && *number)
		return 0;
	peer = number ? vec_push(&peers->now.list) : NULL;
	if (!peer)
		return -ENOMEM;
	*number = peers->now.list.len;
	known = peer_of(&peers->last, inode);
	if (known) {
		*peer = *known;
		known->text = NULL;
	}
	peer->at = 0;
	peers->missing += !peer->text && peer->misses < MISSES_MAX;
	return 0;
}

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

static int note(struct peers *peers, struct peer *peer, const char *text)
{
	peer->text = strdup(text);
	if (!peer->text)
		return -ENOMEM;
	peers->missing--;
	return 0;
}

/* One that is looked for, or NULL. */
static struct peer *missing_peer(struct peers *peers, unsigned long inode)
{
	struct peer *peer = peer_of(&peers->now, inode);

	return peer && !peer->text && peer->misses < MISSES_MAX ? peer : NULL;
}

/* "sl: local remote state queues timer retransmits uid timeout inode ..." */
static int take_inet(struct peers *peers, const char *row)
{
	char local[64], remote[64], address[80], text[100];
	struct peer *peer = NULL;
	unsigned long inode;
	unsigned state;

	if (sscanf(row, "%*d: %63s %63s %x %*s %*s %*s %*d %*d %lu", local, remote, &state,
		   &inode) == 4)
		peer = missing_peer(peers, inode);
	if (!peer || !format_address(state == LISTENING ? local : remote, address, sizeof(address)))
		return 0;
	snprintf(text, sizeof(text), "%s%s", state == LISTENING ? "listening on " : "", address);
	return note(peers, peer, text);
}

/* "num: references protocol flags type state inode path" */
static int take_unix(struct peers *peers, const char *row)
{
	char path[128] = "", text[140];
	struct peer *peer = NULL;
	unsigned long inode;

	if (sscanf(row, "%*[^:]: %*s %*s %*s %*s %*s %lu %127s", &inode, path) >= 1)
		peer = missing_peer(peers, inode);
	if (!peer)
		return 0;
	snprintf(text, sizeof(text), "unix:%s", path);
	return note(peers, peer, text);
}

static int read_table(struct peers *peers, const char *name,
		      int (*take)(struct peers *peers, const char *row))
{
	char path[64], row[512];
	int status = 0;
	FILE *file;

	if (!peers->missing)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/net/%s", peers->pid, name);
	file = fopen(path, "re");
	if (!file)
		return 0;
	for (unsigned i = 0;
	     !status && peers->missing && i < TABLE_ROWS_MAX && fgets(row, sizeof(row), file); i++)
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

static int read_tables(struct peers *peers)
{
	static const char *const inet[] = { "tcp", "tcp6", "udp", "udp6" };
	int status = 0;

	for (size_t i = 0; !status && i < sizeof(inet) / sizeof(inet[0]); i++)
		status = read_table(peers, inet[i], take_inet);
	if (!status)
		status = read_table(peers, "unix", take_unix);
	for (size_t i = 0; i < peers->now.list.len; i++) {
		struct peer *peer = &peers->now.list.data[i];

		peer->misses += !peer->text && peer->misses < MISSES_MAX;
	}
	return status;
}

/* The same text is in the snapshot once. */
static int name_peer(struct peers *peers, struct snapshot *snapshot, unsigned long inode,
		     uint32_t *at)
{
	struct peer *peer = peer_of(&peers->now, inode);

	if (peer->text && !peer->at &&
	    snapshot_add_string(snapshot, peer->text, strlen(peer->text), &peer->at))
		return -ENOMEM;
	*at = peer->at;
	return 0;
}

int peers_find(struct peers *peers, struct snapshot *snapshot)
{
	unsigned long *inodes = calloc(snapshot->goroutines.len + 1, sizeof(*inodes));
	int status = inodes ? 0 : -ENOMEM;

	peers->missing = 0;
	for (size_t i = 0; !status && i < snapshot->goroutines.len; i++) {
		struct goroutine *goroutine = &snapshot->goroutines.data[i];
		char text[256];

		goroutine->peer = 0;
		if (goroutine->wait_kind != WAIT_NETWORK || goroutine->fd < 0)
			continue;
		inodes[i] = inode_of(peers->pid, goroutine->fd, text, sizeof(text));
		if (inodes[i])
			status = want(peers, inodes[i]);
		else if (text[0])
			status =
				snapshot_add_string(snapshot, text, strlen(text), &goroutine->peer);
	}
	if (!status && peers->missing)
		status = read_tables(peers);
	for (size_t i = 0; !status && i < snapshot->goroutines.len; i++)
		if (inodes[i])
			status = name_peer(peers, snapshot, inodes[i],
					   &snapshot->goroutines.data[i].peer);
	free(inodes);
	sockets_free(&peers->last);
	peers->last = peers->now;
	peers->now = (struct sockets){ 0 };
	return status;
}
