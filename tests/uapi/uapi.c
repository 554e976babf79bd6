// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The walk through all parts, or one. */
#include "uapi.h"

static const struct {
	const char *name;
	void (*run)(void);
} parts[] = {
	{ "container", test_container },
	{ "group", test_group },
	{ "lifetimes", test_lifetimes },
	{ "type1", test_type1 },
	{ "pci", test_pci },
	{ "config", test_config },
	{ "irqs", test_irqs },
	{ "races", test_races },
};

int main(int argc, char **argv)
{
	bool known = argc < 4;
	unsigned int i;

	if (argc < 3 || argc > 4) {
		fprintf(stderr, "usage: uapi /dev/vfio/GROUP BDF [PART]\n");
		return 2;
	}
	uapi.group_path = argv[1];
	uapi.device_name = argv[2];
	if (argc == 3 && strstr(uapi.group_path, "/noiommu-")) {
		test_noiommu();
		return check_summary();
	}
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (argc == 4 && strcmp(argv[3], parts[i].name) != 0)
			continue;
		known = true;
		parts[i].run();
	}
	if (!known) {
		fprintf(stderr, "uapi: no part %s\n", argv[3]);
		return 2;
	}
	return check_summary();
}
