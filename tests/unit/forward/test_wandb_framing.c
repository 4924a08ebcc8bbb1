#include "wandb_framing.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>

#include <cmocka.h>
#include <zlib.h>

#include "buf.h"

/* ---- a file, and a reader of its own ---- */

struct file {
	struct buf bytes;
	struct wandb_framing framing;
	size_t refuse_at; /* writes beyond this many bytes fail; 0: none does */
};

static int file_write(void *user, const void *data, size_t len) {
	struct file *f = user;

	if (f->refuse_at > 0 && f->bytes.len + len > f->refuse_at) {
		return -ENOSPC;
	}
	return buf_append(&f->bytes, data, len);
}

static int file_create(void **state) {
	struct file *f = calloc(1, sizeof *f);

	*state = f;
	return f == NULL ? -1 : wandb_framing_begin(&f->framing, file_write, f);
}

static int file_destroy(void **state) {
	struct file *f = *state;

	buf_finish(&f->bytes);
	free(f);
	return 0;
}

static void assert_bytes(const struct buf *b, size_t at, const char *expected, size_t len) {
	assert_true(b->len >= at + len);
	assert_memory_equal(b->data + at, expected, len);
}

struct reader {
	const struct buf *file;
	size_t at;
	unsigned n_chunks; /* of the record read last */
};

static uint32_t u32_at(const uint8_t *p) {
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void skip_block_end(struct reader *r) {
	size_t left = 32768 - r->at % 32768;

	if (left < 7) {
		for (size_t i = 0; i < left; i++) {
			assert_int_equal(r->file->data[r->at + i], 0);
		}
		r->at += left;
	}
}

/* The kind of the next chunk, whose payload goes behind `record`. */
static int read_chunk(struct reader *r, struct buf *record) {
	skip_block_end(r);
	const uint8_t *head = r->file->data + r->at;
	assert_true(r->file->len - r->at >= 7);
	size_t len = (size_t)head[4] | (size_t)head[5] << 8;
	assert_true(r->file->len - r->at - 7 >= len);
	assert_true(r->at % 32768 + 7 + len <= 32768);
	assert_int_equal(crc32(0, head + 6, (uInt)(len + 1)), u32_at(head));
	assert_int_equal(buf_append(record, head + 7, len), 0);
	r->at += 7 + len;
	r->n_chunks++;
	return head[6];
}

static void read_record(struct reader *r, struct buf *record) {
	buf_clear(record);
	r->n_chunks = 0;
	int kind = read_chunk(r, record);
	if (kind == 1) {
		return;
	}
	assert_int_equal(kind, 2);
	do {
		kind = read_chunk(r, record);
	} while (kind == 3);
	assert_int_equal(kind, 4);
}

static uint8_t byte_of(size_t record, size_t at) {
	return (uint8_t)(record * 31 + at * 7 + at / 251);
}

static void put_record(struct file *f, size_t number, size_t len) {
	uint8_t *record = malloc(len + 1);

	assert_non_null(record);
	for (size_t i = 0; i < len; i++) {
		record[i] = byte_of(number, i);
	}
	assert_int_equal(wandb_framing_put(&f->framing, record, len), 0);
	free(record);
}

static void check_record(struct reader *r, size_t number, size_t len) {
	struct buf record = {0};

	read_record(r, &record);
	assert_int_equal(record.len, len);
	for (size_t i = 0; i < len; i++) {
		assert_int_equal(record.data[i], byte_of(number, i));
	}
	buf_finish(&record);
}

/* Fills the first block until so many bytes of it are left. */
static void leave(struct file *f, size_t left) {
	put_record(f, 1, 32768 - f->framing.in_block - 7 - left);
	assert_int_equal(32768 - f->framing.in_block, left);
}

/* ---- the tests ---- */

static void the_header_and_an_empty_record_are_those_of_the_official_client(void **state) {
	struct file *f = *state;

	assert_bytes(&f->bytes, 0, "\x3a\x57\x26\x42\xe1\xbe\x00", 7);
	assert_int_equal(wandb_framing_put(&f->framing, NULL, 0), 0);
	assert_bytes(&f->bytes, 7, "\x1b\xdf\x05\xa5\x00\x00\x01", 7);
	assert_int_equal(f->bytes.len, 14);
}

static void a_first_record_is_that_of_the_official_client(void **state) {
	struct file *f = *state;

	assert_int_equal(wandb_framing_put(&f->framing, "\x08\x01", 2), 0);
	assert_bytes(&f->bytes, 7, "\xbb\x09\x5d\x41\x02\x00\x01\x08\x01", 9);
	assert_int_equal(f->bytes.len, 16);
}

static void a_record_that_just_fits_is_one_chunk(void **state) {
	struct file *f = *state;
	struct reader r = {&f->bytes, 7, 0};

	leave(f, 7 + 10);
	put_record(f, 2, 10);
	put_record(f, 3, 1);
	assert_int_equal(f->bytes.len, 32768 + 8);
	check_record(&r, 1, 32768 - 7 - 7 - 17);
	check_record(&r, 2, 10);
	assert_int_equal(r.n_chunks, 1);
	check_record(&r, 3, 1);
}

static void one_byte_too_many_is_a_chunk_of_its_own(void **state) {
	struct file *f = *state;
	struct reader r = {&f->bytes, 7, 0};

	leave(f, 7 + 10);
	put_record(f, 2, 11);
	assert_int_equal(f->bytes.len, 32768 + 8);
	check_record(&r, 1, 32768 - 7 - 7 - 17);
	check_record(&r, 2, 11);
	assert_int_equal(r.n_chunks, 2);
}

static void with_just_a_head_left_a_record_begins_without_a_byte(void **state) {
	struct file *f = *state;
	struct reader r = {&f->bytes, 7, 0};

	leave(f, 7);
	put_record(f, 2, 5);
	assert_bytes(&f->bytes, 32768 - 3, "\x00\x00\x02", 3); /* no bytes, first */
	assert_int_equal(f->bytes.len, 32768 + 12);
	check_record(&r, 1, 32768 - 7 - 7 - 7);
	check_record(&r, 2, 5);
	assert_int_equal(r.n_chunks, 2);
}

static void with_just_a_head_left_an_empty_record_is_whole(void **state) {
	struct file *f = *state;
	struct reader r = {&f->bytes, 7, 0};

	leave(f, 7);
	put_record(f, 2, 0);
	assert_int_equal(f->bytes.len, 32768);
	put_record(f, 3, 4);
	check_record(&r, 1, 32768 - 7 - 7 - 7);
	check_record(&r, 2, 0);
	check_record(&r, 3, 4);
}

static void less_than_a_head_is_filled_with_zeros(void **state) {
	struct file *f = *state;

	for (size_t left = 1; left < 7; left++) {
		struct reader r = {&f->bytes, 7, 0};
		buf_clear(&f->bytes);
		assert_int_equal(wandb_framing_begin(&f->framing, file_write, f), 0);
		leave(f, left);
		put_record(f, 2, 3);
		assert_int_equal(f->bytes.len, 32768 + 10);
		check_record(&r, 1, 32768 - 7 - 7 - left);
		check_record(&r, 2, 3);
		assert_int_equal(r.n_chunks, 1);
	}
}

static void a_record_goes_on_over_as_many_blocks_as_it_needs(void **state) {
	struct file *f = *state;
	struct reader r = {&f->bytes, 7, 0};

	put_record(f, 1, 3 * 32768);
	put_record(f, 2, 1);
	check_record(&r, 1, 3 * 32768);
	assert_int_equal(r.n_chunks, 4);
	check_record(&r, 2, 1);
	assert_int_equal(r.at, f->bytes.len);
}

static void records_of_any_length_are_read_back(void **state) {
	static const size_t lengths[] = {1, 2, 6, 7, 8, 100, 1500, 32741, 32753, 32754, 32755,
		32760, 32761, 32762, 32768, 65522, 65523, 100000};
	enum { N_LENGTHS = sizeof lengths / sizeof lengths[0], N_RECORDS = 400 };
	struct file *f = *state;
	struct reader r = {&f->bytes, 7, 0};

	for (size_t i = 0; i < N_RECORDS; i++) {
		put_record(f, i, lengths[i * i % N_LENGTHS]);
	}
	for (size_t i = 0; i < N_RECORDS; i++) {
		check_record(&r, i, lengths[i * i % N_LENGTHS]);
	}
	assert_int_equal(r.at, f->bytes.len);
}

static void a_write_that_fails_is_told_at_once(void **state) {
	struct file *f = *state;
	uint8_t record[100] = {0};

	f->refuse_at = 50;
	assert_int_equal(wandb_framing_put(&f->framing, record, sizeof record), -ENOSPC);
	assert_int_equal(f->bytes.len, 14); /* the head alone */
	f->refuse_at = 10;
	assert_int_equal(wandb_framing_begin(&f->framing, file_write, f), -ENOSPC);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, file_create, file_destroy)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(the_header_and_an_empty_record_are_those_of_the_official_client),
		TEST(a_first_record_is_that_of_the_official_client),
		TEST(a_record_that_just_fits_is_one_chunk),
		TEST(one_byte_too_many_is_a_chunk_of_its_own),
		TEST(with_just_a_head_left_a_record_begins_without_a_byte),
		TEST(with_just_a_head_left_an_empty_record_is_whole),
		TEST(less_than_a_head_is_filled_with_zeros),
		TEST(a_record_goes_on_over_as_many_blocks_as_it_needs),
		TEST(records_of_any_length_are_read_back),
		TEST(a_write_that_fails_is_told_at_once),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
