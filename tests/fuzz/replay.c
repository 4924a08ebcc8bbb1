/* main() for a fuzz target where there is no libFuzzer: every input of the folders given, once. */
#include <dirent.h>
#include <limits.h>
#include <stdbool.h>

#include "fuzz.h"

/* Into memory of exactly its size, so that a sanitizer sees what is read behind it. */
static bool replay_file(const char *path) {
	FILE *file = fopen(path, "rb");

	if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
		perror(path);
		return false;
	}
	size_t size = (size_t)ftell(file);
	uint8_t *data = malloc(size + (size == 0));
	rewind(file);
	bool whole = fread(data, 1, size, file) == size;
	(void)fclose(file);
	if (whole) {
		(void)LLVMFuzzerTestOneInput(data, size);
	}
	free(data);
	return whole;
}

/* How many inputs; -1: one could not be read. */
static int replay_folder(const char *path) {
	DIR *folder = opendir(path);
	int count = 0;

	if (folder == NULL) {
		perror(path);
		return -1;
	}
	for (struct dirent *entry = readdir(folder); entry != NULL && count >= 0;
		entry = readdir(folder)) {
		char name[PATH_MAX];
		if (entry->d_name[0] != '.') {
			(void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
			count = replay_file(name) ? count + 1 : -1;
		}
	}
	(void)closedir(folder);
	return count;
}

int main(int argc, char **argv) {
	for (int i = 1; i < argc; i++) {
		int count = replay_folder(argv[i]);
		if (count <= 0) {
			(void)fprintf(stderr, "%s: no inputs\n", argv[i]);
			return 1;
		}
		(void)printf("%s: %d inputs\n", argv[i], count);
	}
	return 0;
}
