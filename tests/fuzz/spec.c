/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * -d strings: what the launcher makes of one, and what the host does.  The words
 * of a string are also taken apart here, in the simplest way; a device that
 * comes of it has just these options, and what makes none is told why.
 */
#include "fuzz.h"
#include "pci_device.h"
#include "run.h"

#include <fcntl.h>
#include <unistd.h>

#define SPEC_MAX 512
#define WORDS_MAX (SPEC_MAX + 1)

static struct host_config config;
static char cwd[PATH_MAX];

/**
 * struct words - a string taken apart; two commas in it are one in a word
 */
struct words {
	char text[2 * PATH_MAX];
	char *word[WORDS_MAX];
	unsigned int nr;
};

static void split(struct words *w, const char *spec)
{
	char *out = w->text;

	w->nr = 0;
	w->word[w->nr++] = out;
	for (; *spec; spec++) {
		if (*spec == ',' && spec[1] != ',') {
			*out++ = '\0';
			w->word[w->nr++] = out;
			continue;
		}
		spec += *spec == ',';
		*out++ = *spec;
	}
	*out = '\0';
}

/* ---- the launcher's part ---- */

static bool is_file(const struct words *w, unsigned int i)
{
	const char *word = w->word[i];

	return i ? !strncmp(word, "file=", 5) && word[5] && word[5] != '/'
		 : strchr(word, '/') && *word != '/';
}

static void check_absolute(const struct words *w, const char *spec)
{
	static struct words made;
	char *absolute = spec_absolute(spec), *twice;
	char want[2 * PATH_MAX];
	unsigned int i, skip;

	FUZZ_CHECK(absolute);
	split(&made, absolute);
	FUZZ_CHECK(made.nr == w->nr);
	for (i = 0; i < w->nr; i++) {
		skip = is_file(w, i) && i ? 5 : 0;
		if (is_file(w, i))
			snprintf(want, sizeof(want), "%.*s%s/%s", skip,
				 w->word[i], cwd, w->word[i] + skip);
		FUZZ_CHECK(!strcmp(made.word[i],
				   is_file(w, i) ? want : w->word[i]));
	}
	twice = spec_absolute(absolute);
	FUZZ_CHECK(!strcmp(absolute, twice));
	free(twice);
	free(absolute);
}

/* ---- the host's part ---- */

static void check_option(struct anyvfio_device *dev, const struct words *w,
			 unsigned int i)
{
	char name[SPEC_MAX + 1];
	const char *equals = strchr(w->word[i], '='), *value;
	unsigned int other;

	FUZZ_CHECK(equals);
	snprintf(name, sizeof(name), "%.*s", (int)(equals - w->word[i]),
		 w->word[i]);
	value = anyvfio_device_option(dev, name);
	FUZZ_CHECK(value && !strcmp(value, equals + 1));
	for (other = 1; other < i; other++)
		FUZZ_CHECK(strncmp(w->word[other], w->word[i],
				   equals + 1 - w->word[i]) != 0);
}

/* By another way than the host's: in all its digits, as the name is. */
static void check_addr(struct anyvfio_device *dev)
{
	const char *addr = anyvfio_device_option(dev, "addr");
	unsigned int segment = 0, bus, slot, function;
	char name[16];

	if (!addr)
		return;
	if (sscanf(addr, "%x:%x:%x.%x", &segment, &bus, &slot, &function) !=
	    4) {
		segment = 0;
		FUZZ_CHECK(sscanf(addr, "%x:%x.%x", &bus, &slot, &function) ==
			   3);
	}
	snprintf(name, sizeof(name), "%04x:%02x:%02x.%x", segment, bus, slot,
		 function);
	FUZZ_CHECK(!strcmp(name, anyvfio_device_name(dev)));
}

static void check_host(const struct words *w, const char *spec)
{
	struct anyvfio_device *dev;
	unsigned int i;

	host_log_capture(true);
	dev = host_pci_create(spec, 0, &config);
	if (IS_ERR(dev)) {
		FUZZ_CHECK(*host_log_captured());
		return;
	}
	FUZZ_CHECK(!strcmp(dev->model->name, w->word[0]));
	for (i = 1; i < w->nr; i++)
		check_option(dev, w, i);
	check_addr(dev);
	host_pci_destroy(dev);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	port_warn_fatal = true;
	host_log_set(null, PORT_ERR);
	config.noiommu = true;
	if (host_start(&config) || !getcwd(cwd, sizeof(cwd)))
		abort();
	return 0;
}

/* A path is not followed: it could lead to any file of the machine. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct words words;
	char spec[SPEC_MAX + 1];

	if (size > SPEC_MAX)
		return 0;
	memcpy(spec, data, size);
	spec[size] = '\0';
	split(&words, spec);
	check_absolute(&words, spec);
	if (!strchr(spec, '/'))
		check_host(&words, spec);
	return 0;
}
