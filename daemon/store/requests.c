#include "requests.h"

void requests_init(struct requests *r) {
	*r = (struct requests){0};
	r->tail = &r->first;
}

void requests_add(struct requests *r, struct request *request) {
	request->next = NULL;
	*r->tail = request;
	r->tail = &request->next;
}

struct request *requests_take(struct requests *r) {
	struct request *first = r->first;
	r->first = first->next;
	if (r->first == NULL) {
		r->tail = &r->first;
	}
	return first;
}

struct request *requests_take_other(struct requests *r, uint32_t uid) {
	struct request **at = &r->first;

	while ((*at)->uid == uid) {
		if ((*at)->next == NULL) {
			return requests_take(r);
		}
		at = &(*at)->next;
	}
	struct request *other = *at;
	*at = other->next;
	if (other->next == NULL) {
		r->tail = at;
	}
	return other;
}

void requests_give_up(struct requests *r, int status) {
	while (r->first != NULL) {
		struct request *request = requests_take(r);
		request->answer(request, status);
	}
}
