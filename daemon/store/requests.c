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
