/* Whom W&B takes a key for: one question, asked at once, on a loop of its own. For who wants to know whether W&B can be reached. */
#pragma once

#include <stdbool.h>

#include "http.h"

#define ACCOUNT_NAME_SIZE 128u

struct account {
	enum verdict verdict; /* VERDICT_ACCEPTED: what follows is known */
	char username[ACCOUNT_NAME_SIZE], entity[ACCOUNT_NAME_SIZE]; /* "": it does not say */
	enum transport transport;
	int status;      /* 0: none came */
	char words[256]; /* what went wrong, in W&B's words or libcurl's */
	double took_s;
	bool has_clock;
	double clock_ahead_s; /* how much later W&B's clock is than this machine's; exact to a second */
};

/* 0 after an answer or at the deadline, whatever came of it; below 0 with words: as http_open, or -EINVAL (no address). */
int account_ask(const struct http_options *options, const char *base_url, const char *key,
	uint32_t timeout_ms, struct account *ret, char ret_words[256]);
