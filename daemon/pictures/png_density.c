#include "png_density.h"

#include <math.h>
#include <zlib.h>

#define HEAD_SIZE        33u /* signature (8), IHDR: length, name, 13 bytes, checksum */
#define METRES_AN_INCH   0.0254
#define CHUNK_DATA_SIZE  9u
#define CHUNK_NAMED_SIZE (4u + CHUNK_DATA_SIZE)

static void put_u32(uint8_t *at, uint32_t value) {
	at[0] = (uint8_t)(value >> 24);
	at[1] = (uint8_t)(value >> 16);
	at[2] = (uint8_t)(value >> 8);
	at[3] = (uint8_t)value;
}

int png_density_append(struct buf *out, const uint8_t *png, size_t len, double dpi) {
	uint8_t chunk[4 + CHUNK_NAMED_SIZE + 4] = {0, 0, 0, CHUNK_DATA_SIZE, 'p', 'H', 'Y', 's'};
	uint32_t per_metre = (uint32_t)lround(dpi / METRES_AN_INCH);

	if (len < HEAD_SIZE) {
		return buf_append(out, png, len);
	}
	put_u32(chunk + 8, per_metre);
	put_u32(chunk + 12, per_metre);
	chunk[16] = 1; /* the unit is the metre */
	put_u32(chunk + 17, (uint32_t)crc32(crc32(0, NULL, 0), chunk + 4, CHUNK_NAMED_SIZE));
	int err = buf_reserve(out, len + sizeof chunk);
	if (err == 0) {
		(void)buf_append(out, png, HEAD_SIZE);
		(void)buf_append(out, chunk, sizeof chunk);
		(void)buf_append(out, png + HEAD_SIZE, len - HEAD_SIZE);
	}
	return err;
}
