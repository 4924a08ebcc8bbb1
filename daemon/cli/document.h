/* Reads the status document (store/REPORT.md). A path is dotted: "losses.mse_loss". What is
 * null, of another type or not there is absent, all the same. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

const json_t *document_at(const json_t *object, const char *path);

/* What a trainer named, dots and all: as it is written there, or a path through what is nested: "optimizer.lr". */
const json_t *document_member(const json_t *object, const char *key, size_t len);

/* A number, or one of the three strings that stand for what JSON has no number for. */
bool document_number(const json_t *object, const char *path, double *ret);
/* 0 when absent. */
double document_count(const json_t *object, const char *path);
/* NULL when absent; borrowed. */
const char *document_text(const json_t *object, const char *path);
bool document_true(const json_t *object, const char *path);
/* An RFC 3339 time in UTC, as seconds since 1970. */
bool document_time(const json_t *object, const char *path, double *ret);
