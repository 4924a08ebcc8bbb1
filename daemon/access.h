/* Who may do what on a socket that many users share. Pure: whoever asks comes as numbers, which are the kernel's word
 * (SO_PEERCRED) and never the peer's own.
 *
 * A run is its user's: whoever opened it. He and administrators may append to it, stop it, sync it, and see it where it is
 * private. Administrators are the members of a group, whoever runs the daemon, and root where that was agreed to: in a
 * container without a user namespace everybody is root. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define UID_ROOT 0u
/* What the kernel calls a user whom this user namespace has no number for. Many people may be this one. */
#define UID_NOBODY 65534u

struct access_rules {
	uint32_t own_uid; /* who runs the daemon: an administrator, unless he is root or nobody */
	bool has_admin_gid;
	uint32_t admin_gid;
	bool trust_root;   /* root is an administrator; else he is a user like any other */
	bool trust_nobody; /* UID_NOBODY is let in, as one user */
	bool private_runs; /* every run is private, whatever it says */
};

struct asker {
	uint32_t uid;
	bool is_admin;
};

/* Whether he is let in at all. */
bool access_admits(const struct access_rules *a, uint32_t uid);
/* `is_member`: of the administrators' group, which says nothing of root and nobody: a container makes its root a member of
 * whatever it likes. */
struct asker access_asker(const struct access_rules *a, uint32_t uid, bool is_member);
bool access_owns(const struct asker *asker, uint32_t owner);
