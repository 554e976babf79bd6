/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A fuzz target as a test, without libFuzzer: each file of the corpus, then a
 * number of inputs made from them by chance, the same in each run.
 *
 *   fuzz-TARGET [-runs=N] FILE|DIRECTORY...
 *
 * The input in progress is in TARGET.last of the current directory, which goes
 * when all went well.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define INPUT_MAX 4096
#define CORPUS_MAX 512

struct input {
	size_t len;
	uint8_t bytes[INPUT_MAX];
};

static struct input *corpus[CORPUS_MAX];
static unsigned int nr_corpus;
static struct input *last; /* a mapping of the file last_name */
static char last_name[64];
static uint64_t rng = 0x9e3779b97f4a7c15ull;

/* A target without one. */
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static uint32_t below(uint32_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (rng >> 32) % n;
}

/* ---- the input in progress ---- */

/* The file is the bytes alone: its length is set when it matters. */
static void keep_last(const char *program)
{
	const char *name = strrchr(program, '/');
	int fd;

	snprintf(last_name, sizeof(last_name), "%s.last",
		 name ? name + 1 : program);
	fd = open(last_name, O_RDWR | O_CREAT | O_TRUNC, 0666);
	if (fd < 0 || ftruncate(fd, sizeof(*last)))
		die(last_name);
	last = mmap(NULL, sizeof(*last), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    0);
	if (last == MAP_FAILED)
		die(last_name);
	close(fd);
}

static void run(const struct input *in)
{
	/* A copy of its own size: what reads behind it is seen. */
	uint8_t *copy = malloc(in->len ? in->len : 1);

	memcpy(copy, in->bytes, in->len);
	memcpy(last, in, sizeof(*last));
	LLVMFuzzerTestOneInput(copy, in->len);
	free(copy);
}

/* ---- the corpus ---- */

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* What was kept by keep_last() has its length in front. */
static void add_file(const char *name)
{
	size_t size = strlen(name), suffix = strlen(".last");
	struct input *in = calloc(1, sizeof(*in));
	int fd = open(name, O_RDONLY);
	ssize_t len;

	if (!in || fd < 0 || nr_corpus == CORPUS_MAX)
		die(name);
	if (size > suffix && !strcmp(name + size - suffix, ".last")) {
		len = read(fd, in, sizeof(*in));
	} else {
		len = read(fd, in->bytes, sizeof(in->bytes));
		in->len = len;
	}
	if (len < 0 || in->len > INPUT_MAX)
		die(name);
	close(fd);
	corpus[nr_corpus++] = in;
}

static void add(const char *name)
{
	struct dirent **entries;
	struct stat st;
	char path[512];
	int n, i;

	if (stat(name, &st))
		die(name);
	if (!S_ISDIR(st.st_mode)) {
		add_file(name);
		return;
	}
	n = scandir(name, &entries, is_visible, by_name);
	if (n < 0)
		die(name);
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", name, entries[i]->d_name);
		add_file(path);
		free(entries[i]);
	}
	free(entries);
}

/* ---- chance ---- */

static void insert(struct input *in)
{
	size_t at = below(in->len + 1), n = 1 + below(8);
	const struct input *from = corpus[below(nr_corpus)];

	if (n > INPUT_MAX - in->len)
		return;
	memmove(in->bytes + at + n, in->bytes + at, in->len - at);
	in->len += n;
	while (n--)
		in->bytes[at + n] = from->len && below(2)
					    ? from->bytes[below(from->len)]
					    : below(256);
}

static void erase(struct input *in)
{
	size_t at = below(in->len), n = 1 + below(8);

	if (n > in->len - at)
		n = in->len - at;
	memmove(in->bytes + at, in->bytes + at + n, in->len - at - n);
	in->len -= n;
}

/* The end becomes that of another. */
static void cross(struct input *in)
{
	const struct input *from = corpus[below(nr_corpus)];
	size_t at = below(in->len), there;

	if (!from->len)
		return;
	there = below(from->len);
	in->len = at + from->len - there;
	if (in->len > INPUT_MAX)
		in->len = INPUT_MAX;
	memcpy(in->bytes + at, from->bytes + there, in->len - at);
}

static void mutate(struct input *in)
{
	static const uint8_t edges[] = { 0, 1, 0x7f, 0x80, 0xff };

	if (!in->len || below(8) == 0) {
		insert(in);
		return;
	}
	switch (below(6)) {
	case 0:
		erase(in);
		break;
	case 1:
		cross(in);
		break;
	case 2:
		in->bytes[below(in->len)] = edges[below(sizeof(edges))];
		break;
	case 3:
		in->bytes[below(in->len)] ^= 1u << below(8);
		break;
	case 4:
		in->bytes[below(in->len)] += below(9) - 4;
		break;
	default:
		in->bytes[below(in->len)] = below(256);
		break;
	}
}

static void run_chance(void)
{
	static struct input in;
	unsigned int n;

	in = *corpus[below(nr_corpus)];
	for (n = 1 + below(6); n; n--)
		mutate(&in);
	run(&in);
}

int main(int argc, char **argv)
{
	unsigned long runs = 0, i;
	int arg;

	LLVMFuzzerInitialize(&argc, &argv);
	for (arg = 1; arg < argc; arg++) {
		if (!strncmp(argv[arg], "-runs=", 6))
			runs = strtoul(argv[arg] + 6, NULL, 0);
		else
			add(argv[arg]);
	}
	if (!nr_corpus) {
		fprintf(stderr, "usage: %s [-runs=N] FILE|DIRECTORY...\n",
			argv[0]);
		return 2;
	}
	keep_last(argv[0]);
	printf("the input in progress is in %s\n", last_name);
	fflush(stdout);
	for (i = 0; i < nr_corpus; i++)
		run(corpus[i]);
	for (i = 0; i < runs; i++)
		run_chance();
	for (i = 0; i < nr_corpus; i++)
		free(corpus[i]);
	unlink(last_name);
	printf("%u inputs of the corpus, %lu made of them\n", nr_corpus, runs);
	return 0;
}
