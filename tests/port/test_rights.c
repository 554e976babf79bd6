/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Contract: names of tasks, code that is always there. */
#include "world.h"

static void task_name_is_name_and_number(void)
{
	char buf[PORT_TASK_LEN];
	char *open;

	memset(buf, 'x', sizeof(buf));
	port_task_name(buf);
	check(strnlen(buf, sizeof(buf)) < sizeof(buf));
	open = strchr(buf, '[');
	check(open && open > buf && open[1] >= '1' && open[1] <= '9');
	check(buf[strlen(buf) - 1] == ']');
}

static void no_module_can_always_be_held(void)
{
	check(port_module_get(NULL));
	port_module_put(NULL);
}

static void rights_are_denied_unless_given(void)
{
	check(!port_noiommu_mode());
	check(!port_capable(PORT_CAP_RAWIO));
	check(!port_capable(PORT_CAP_IPC_LOCK));
}

const struct world_test rights_tests[] = {
	TEST(task_name_is_name_and_number),
	TEST(no_module_can_always_be_held),
	TEST(rights_are_denied_unless_given),
	{ 0 },
};
