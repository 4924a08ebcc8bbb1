/* A doubly linked list that runs through its members. A link's declaration says which list it
 * hangs on: `struct list link; // sessions.all`. A zeroed link is on none. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *prev, *next;
};

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* `link` may be removed, not its successor, while the loop runs. */
/* NOLINTBEGIN(bugprone-macro-parentheses): it declares its argument */
#define list_for_each(link, head)                                                                  \
	for (struct list *link = (head)->next, *link##_next = link->next; link != (head);          \
		link = link##_next, link##_next = link->next)
/* NOLINTEND(bugprone-macro-parentheses) */

static inline void list_init(struct list *head) {
	head->prev = head->next = head;
}

static inline bool list_empty(const struct list *head) {
	return head->next == head;
}

static inline bool list_linked(const struct list *link) {
	return link->next != NULL;
}

static inline void list_append(struct list *head, struct list *link) {
	link->prev = head->prev;
	link->next = head;
	head->prev->next = link;
	head->prev = link;
}

static inline void list_prepend(struct list *head, struct list *link) {
	list_append(head->next, link);
}

/* Does nothing to a link that is on no list. */
static inline void list_remove(struct list *link) {
	if (link->next == NULL) {
		return;
	}
	link->prev->next = link->next;
	link->next->prev = link->prev;
	link->prev = link->next = NULL;
}

/* The oldest member, taken off; NULL when there is none. */
static inline struct list *list_take_first(struct list *head) {
	struct list *first = head->next;
	if (first == head) {
		return NULL;
	}
	/* The analyzer forgets that the one before it is off the list. */
	list_remove(first); /* NOLINT(clang-analyzer-unix.Malloc) */
	return first;
}
