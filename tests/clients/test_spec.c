// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * File names in -d strings: run/spec.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "run.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char cwd[PATH_MAX];

/* In @want, "CWD" is the current directory as a -d string has it. */
static void becomes(const char *spec, const char *want, const char *shown_cwd)
{
	char full[PATH_MAX * 2], *got = spec_absolute(spec);
	const char *at = strstr(want, "CWD");

	assert_non_null(got);
	if (at)
		snprintf(full, sizeof(full), "%.*s%s%s", (int)(at - want), want,
			 shown_cwd, at + 3);
	else
		snprintf(full, sizeof(full), "%s", want);
	assert_string_equal(got, full);
	free(got);
}

static void file_names_become_absolute(void **state)
{
	becomes("nvme,file=disk.img", "nvme,file=CWD/disk.img", cwd);
	becomes("nvme,lba=512,file=a/b,serial=x",
		"nvme,lba=512,file=CWD/a/b,serial=x", cwd);
	becomes("nvme,file=a,,b", "nvme,file=CWD/a,,b", cwd);
	becomes("./model.so,x=1", "CWD/./model.so,x=1", cwd);
	becomes("dir/model.so", "CWD/dir/model.so", cwd);
}

static void all_else_stays_as_it_is(void **state)
{
	static const char *const specs[] = {
		"nvme",	 "nvme,file=/abs/x", "nvme,file=",
		"nvme,", "/abs/m.so,y",	     "nvme,xfile=a",
		",",	 "a,,b,c=d",	     "file=x",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(specs); i++)
		becomes(specs[i], specs[i], "");
}

static void a_comma_in_the_directory_is_doubled(void **state)
{
	char dir[] = "/tmp/anyvfio-test,spec-XXXXXX", shown[64];

	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	snprintf(shown, sizeof(shown), "/tmp/anyvfio-test,,spec-%s",
		 strrchr(dir, '-') + 1);
	becomes("nvme,file=x,lba=4096", "nvme,file=CWD/x,lba=4096", shown);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_names_become_absolute),
		cmocka_unit_test(all_else_stays_as_it_is),
		cmocka_unit_test(a_comma_in_the_directory_is_doubled),
	};

	if (!getcwd(cwd, sizeof(cwd)))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
