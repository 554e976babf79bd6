/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Which models there are, and what -d says of them:
 *
 *   -d MODEL[,option=value...]   MODEL is a name, or a path with a slash in it
 *
 * A comma in a value is written twice.  Whatever is wrong is said in one line
 * that has what could have been meant.
 */
#include "pci_device.h"
#include "../../devices/models.h"

#include <dlfcn.h>
#include <stdlib.h>

#define MESSAGE_LEN 400
#define NUMBERS 65536 /* of buses in all segments */
#define SYMBOL "anyvfio_model"

static const struct anyvfio_model *const models[] = {
	&anyvfio_edu_model,	   &anyvfio_nvme_model,
	&anyvfio_e1000_model,	   &anyvfio_virtio_blk_model,
	&anyvfio_virtio_net_model,
};

const struct anyvfio_model *host_model(unsigned int i)
{
	return i < ARRAY_SIZE(models) ? models[i] : NULL;
}

/* ---- near misses ---- */

/* How many letters to add, drop or change to make @b of @a. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[32], i, j, diagonal, above, change;

	if (strlen(b) >= ARRAY_SIZE(row))
		return ~0u;
	for (j = 0; j <= strlen(b); j++)
		row[j] = j;
	for (i = 1; a[i - 1]; i++) {
		diagonal = row[0];
		row[0] = i;
		for (j = 1; j <= strlen(b); j++) {
			above = row[j];
			change = diagonal + (a[i - 1] != b[j - 1]);
			row[j] = min(above, row[j - 1]) + 1;
			if (change < row[j])
				row[j] = change;
			diagonal = above;
		}
	}
	return row[strlen(b)];
}

/* Calls for names: the @i-th, or NULL. */
typedef const char *(*name_fn)(const void *data, unsigned int i);

static const char *nearest(const char *word, name_fn name, const void *data)
{
	unsigned int best = (strlen(word) + 2) / 3 + 1, i, d;
	const char *near = NULL, *candidate;

	for (i = 0; (candidate = name(data, i)); i++) {
		d = distance(word, candidate);
		if (d < best) {
			best = d;
			near = candidate;
		}
	}
	return near;
}

/* "; did you mean NEAR? There are: A, B, C" */
static void say_choices(char *buf, size_t size, const char *word, name_fn name,
			const void *data)
{
	const char *near = nearest(word, name, data), *choice;
	size_t len = 0;
	unsigned int i;

	if (near)
		len = snprintf(buf, size, "; did you mean %s?", near);
	else
		len = snprintf(buf, size, ";");
	for (i = 0; (choice = name(data, i)) && len < size; i++)
		len += snprintf(buf + len, size - len, "%s%s",
				i ? ", " : " there are: ", choice);
}

static const char *model_name(const void *data, unsigned int i)
{
	const struct anyvfio_model *model = host_model(i);

	return model ? model->name : NULL;
}

static const char *option_name(const void *data, unsigned int i)
{
	static const char *const common[] = { "addr", "group", "driver" };
	const struct anyvfio_model *model = data;
	const struct anyvfio_option *option = model->options;

	for (; option && option->name; option++)
		if (i-- == 0)
			return option->name;
	return i < ARRAY_SIZE(common) ? common[i] : NULL;
}

/* ---- the string ---- */

/* The next word of *@spec, up to a comma that stands alone; NULL without
 * memory.  *@spec becomes NULL behind the last one. */
static char *next_word(const char **spec)
{
	const char *in = *spec;
	char *word = port_zalloc(strlen(in) + 1), *out = word;

	if (!word)
		return NULL;
	for (; *in; in++) {
		if (in[0] == ',' && in[1] != ',')
			break;
		if (in[0] == ',')
			in++;
		*out++ = *in;
	}
	*spec = *in ? in + 1 : NULL;
	return word;
}

static bool is_known(const struct anyvfio_model *model, const char *name)
{
	const char *known;
	unsigned int i;

	for (i = 0; (known = option_name(model, i)); i++)
		if (!strcmp(known, name))
			return true;
	return false;
}

const char *anyvfio_device_option(struct anyvfio_device *dev, const char *name)
{
	unsigned int i;

	for (i = 0; i < dev->nr_options; i++)
		if (!strcmp(dev->options[i].name, name))
			return dev->options[i].value;
	return NULL;
}

/* Takes @word, which is "name=value", over. */
static int add_option(struct anyvfio_device *fn, char *word)
{
	const struct anyvfio_model *model = fn->model;
	char *equals = strchr(word, '='), choices[MESSAGE_LEN];
	int ret = -EINVAL;

	if (equals)
		*equals = '\0';
	if (!is_known(model, word)) {
		say_choices(choices, sizeof(choices), word, option_name, model);
		port_err("-d %s: no option \"%s\"%s", model->name, word,
			 choices);
	} else if (!equals) {
		port_err("-d %s: option %s needs a value: %s=...", model->name,
			 word, word);
	} else if (anyvfio_device_option(fn, word)) {
		port_err("-d %s: option %s is given twice", model->name, word);
	} else {
		fn->options[fn->nr_options].name = word;
		fn->options[fn->nr_options++].value = equals + 1;
		return 0;
	}
	port_free(word);
	return ret;
}

static int parse_options(struct anyvfio_device *fn, const char *spec)
{
	size_t most = 1;
	const char *p;
	char *word;
	int ret = 0;

	for (p = spec; p && *p; p++)
		most += *p == ',';
	fn->options = port_zalloc_array(most, sizeof(*fn->options));
	if (!fn->options)
		return -ENOMEM;
	while (spec && !ret) {
		word = next_word(&spec);
		ret = word ? add_option(fn, word) : -ENOMEM;
	}
	return ret;
}

/* ---- the model ---- */

static int find_model(struct anyvfio_device *fn, const char *name)
{
	char choices[MESSAGE_LEN];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(models); i++) {
		if (!strcmp(models[i]->name, name)) {
			fn->model = models[i];
			return 0;
		}
	}
	say_choices(choices, sizeof(choices), name, model_name, NULL);
	port_err("-d: no model \"%s\"%s, or the path of a shared object", name,
		 choices);
	return -ENOENT;
}

/* Held until the device goes, which no descriptor of it outlives (D3). */
static int load_model(struct anyvfio_device *fn, const char *path)
{
	const struct anyvfio_model *model;

	fn->object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!fn->object) {
		port_err("-d: %s", dlerror());
		return -ENOENT;
	}
	model = dlsym(fn->object, SYMBOL);
	if (!model) {
		port_err("-d: %s has no symbol %s: it is not a device model",
			 path, SYMBOL);
		return -EINVAL;
	}
	if (model->api != ANYVFIO_DEVICE_API) {
		port_err("-d: %s was built for device API %u, this is %d", path,
			 model->api, ANYVFIO_DEVICE_API);
		return -EINVAL;
	}
	if (!model->name || !model->create) {
		port_err("-d: the model in %s has no name or cannot be created",
			 path);
		return -EINVAL;
	}
	fn->model = model;
	return 0;
}

/* The model's code may go with it: last of all. */
void function_forget_model(struct anyvfio_device *fn)
{
	unsigned int i;

	for (i = 0; i < fn->nr_options; i++)
		port_free(fn->options[i].name);
	port_free(fn->options);
	fn->options = NULL;
	fn->nr_options = 0;
	fn->model = NULL;
	if (fn->object)
		dlclose(fn->object);
	fn->object = NULL;
}

/* ---- its place ---- */

/* A number of @base in *@p, up to @most, that ends at @end. */
static bool parse_field(const char **p, int base, unsigned int most, char end,
			unsigned int *val)
{
	unsigned long n;
	char *last;

	if (!strchr("0123456789abcdefABCDEF", **p) || !**p)
		return false;
	n = strtoul(*p, &last, base);
	if (n > most || *last != end)
		return false;
	*val = n;
	*p = last + (end != '\0');
	return true;
}

/* "0000:01:00.0", or without the first part. */
static bool parse_addr(struct anyvfio_device *fn, const char *text)
{
	unsigned int segment = 0, bus, slot, function;
	const char *p = text;

	if (strchr(text, ':') != strrchr(text, ':') &&
	    !parse_field(&p, 16, 0xffff, ':', &segment))
		return false;
	if (!parse_field(&p, 16, 0xff, ':', &bus) ||
	    !parse_field(&p, 16, 0x1f, '.', &slot) ||
	    !parse_field(&p, 16, 7, '\0', &function))
		return false;
	fn->segment = segment;
	fn->bus = bus;
	fn->devfn = slot << 3 | function;
	return true;
}

static bool same_addr(const struct anyvfio_device *fn, void *data)
{
	const struct anyvfio_device *other = data;

	return fn->segment == other->segment && fn->bus == other->bus &&
	       fn->devfn == other->devfn;
}

/* Numbers that devices have, while the next free one is looked for. */
static u64 taken[NUMBERS / 64];

static void take(unsigned int number)
{
	if (number < NUMBERS)
		taken[number / 64] |= BIT_ULL(number % 64);
}

static bool take_bus(const struct anyvfio_device *fn, void *data)
{
	if (!fn->devfn)
		take(fn->segment << 8 | fn->bus);
	return false;
}

static bool take_group(const struct anyvfio_device *fn, void *data)
{
	take(fn->group);
	return false;
}

/* The first number from 1 on that @mark does not take; 0 when there is none. */
static unsigned int first_free(bool (*mark)(const struct anyvfio_device *fn,
					    void *data))
{
	unsigned int i;

	memset(taken, 0, sizeof(taken));
	take(0);
	function_any(mark, NULL);
	for (i = 0; i < ARRAY_SIZE(taken); i++)
		if (~taken[i])
			return i * 64 + __builtin_ctzll(~taken[i]);
	return 0;
}

/* What was asked for, or the next bus that has nothing at 00.0. */
static int choose_addr(struct anyvfio_device *fn)
{
	const char *text = anyvfio_device_option(fn, "addr");
	unsigned int bus;

	if (text) {
		if (!parse_addr(fn, text)) {
			port_err("-d %s: addr=%s is not an address such as "
				 "0000:01:00.0",
				 fn->model->name, text);
			return -EINVAL;
		}
		if (!function_any(same_addr, fn))
			return 0;
		port_err("-d %s: addr=%s is taken by another device",
			 fn->model->name, text);
		return -EEXIST;
	}
	bus = first_free(take_bus);
	if (!bus) {
		port_err("-d %s: no address is free", fn->model->name);
		return -ENOSPC;
	}
	fn->segment = bus >> 8;
	fn->bus = bus;
	return 0;
}

static int choose_group(struct anyvfio_device *fn)
{
	const char *text = anyvfio_device_option(fn, "group"), *p = text;
	unsigned int group;

	if (!text) {
		fn->group = first_free(take_group);
	} else if (!strcmp(text, "none")) {
		fn->group = -1;
		if (!fn->run->noiommu) {
			port_err("-d %s: group=none: without an IOMMU it can "
				 "only be used in noiommu mode (--noiommu)",
				 fn->model->name);
			return -EINVAL;
		}
	} else if (parse_field(&p, 10, 0x7fffffff, '\0', &group)) {
		fn->group = group;
	} else {
		port_err("-d %s: group=%s is neither a number nor none",
			 fn->model->name, text);
		return -EINVAL;
	}
	return 0;
}

static int choose_driver(struct anyvfio_device *fn)
{
	const char *text = anyvfio_device_option(fn, "driver");

	if (function_parse_driver(&fn->first_driver, text ? text : "vfio-pci"))
		return 0;
	port_err("-d %s: driver=%s is not the name of a driver, or none",
		 fn->model->name, text);
	return -EINVAL;
}

int function_parse(struct anyvfio_device *fn, const char *spec)
{
	char *name = next_word(&spec);
	int ret;

	if (!name)
		return -ENOMEM;
	ret = strchr(name, '/') ? load_model(fn, name) : find_model(fn, name);
	port_free(name);
	if (!ret)
		ret = parse_options(fn, spec);
	if (!ret)
		ret = choose_addr(fn);
	if (!ret)
		ret = choose_group(fn);
	if (!ret)
		ret = choose_driver(fn);
	if (ret)
		return ret;
	snprintf(fn->name, sizeof(fn->name), "%04x:%02x:%02x.%x", fn->segment,
		 fn->bus, fn->devfn >> 3, fn->devfn & 7);
	return 0;
}

/* ---- what models ask ---- */

static int suffix_shift(const char *suffix)
{
	static const char letters[] = "KMGT";
	const char *at;

	if (!*suffix)
		return 0;
	at = strchr(letters, *suffix & ~0x20);
	return at && *at && !suffix[1] ? (at - letters + 1) * 10 : -1;
}

int anyvfio_device_option_size(struct anyvfio_device *dev, const char *name,
			       uint64_t def, uint64_t *size)
{
	const char *text = anyvfio_device_option(dev, name);
	unsigned long long n;
	char *suffix;
	int shift;

	*size = def;
	if (!text)
		return 0;
	errno = 0;
	n = strtoull(text, &suffix, 0);
	shift = suffix_shift(suffix);
	if (*text < '0' || *text > '9' || errno || shift < 0 ||
	    n > ~0ull >> shift) {
		anyvfio_device_error(dev,
				     "%s=%s is not a size such as 64M, 0x1000",
				     name, text);
		return -EINVAL;
	}
	*size = n << shift;
	return 0;
}

void anyvfio_device_error(struct anyvfio_device *dev, const char *fmt, ...)
{
	char text[MESSAGE_LEN];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	dev->explained = true;
	function_err(dev, "%s: %s", dev->model->name, text);
}

void anyvfio_device_info(struct anyvfio_device *dev, const char *fmt, ...)
{
	char text[MESSAGE_LEN];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	function_info(dev, "%s: %s", dev->model->name, text);
}
