#include "access.h"

bool access_admits(const struct access_rules *a, uint32_t uid) {
	return uid != UID_NOBODY || a->trust_nobody || a->own_uid == UID_NOBODY;
}

struct asker access_asker(const struct access_rules *a, uint32_t uid, bool is_member) {
	struct asker asker = {.uid = uid};

	if (uid == UID_ROOT) {
		asker.is_admin = a->trust_root;
	} else if (uid != UID_NOBODY) {
		asker.is_admin = uid == a->own_uid || (a->has_admin_gid && is_member);
	}
	return asker;
}

bool access_owns(const struct asker *asker, uint32_t owner) {
	return asker->is_admin || asker->uid == owner;
}
