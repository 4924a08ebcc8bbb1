/* What is asked of the database beside commits, and waits for the worker: first come, first served.
 *
 * A request is the beginning of a struct of its own kind. */
#pragma once

#include <stdbool.h>

#include "db.h"

struct request {
	struct request *next; /* requests.first */
	uint32_t uid;         /* whose it is, where that counts */
	bool may_be_early;    /* the commit that was under way then may bring what it looks for */
	bool found_nothing;   /* serve's: there is no such run */
	/* On the worker: 0, or what broke as in db.h. */
	int (*serve)(struct request *r, struct db *db);
	/* On the loop: tells whoever asked, with what serve left or with a status below 0, and frees it. */
	void (*answer)(struct request *r, int status);
};

struct requests {
	struct request *first, **tail;
};

void requests_init(struct requests *r);
void requests_add(struct requests *r, struct request *request); /* takes */
struct request *requests_take(struct requests *r);
/* Answers all with that status. */
void requests_give_up(struct requests *r, int status);
/* The first that is not this user's; the first of all where there is no other. */
struct request *requests_take_other(struct requests *r, uint32_t uid);
