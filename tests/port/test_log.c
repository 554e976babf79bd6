/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Messages of host/user; rights, modules and machines that have a setter. */
#include "host.h"
#include "policy.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static int out[2];

static int open_pipe(void **state)
{
	assert_int_equal(pipe2(out, O_NONBLOCK | O_DIRECT), 0);
	host_log_set(out[1], PORT_INFO);
	return 0;
}

static int close_pipe(void **state)
{
	host_log_set(STDERR_FILENO, PORT_INFO);
	close(out[0]);
	close(out[1]);
	return 0;
}

/* One packet of the pipe is one write. */
static const char *next_write(void)
{
	static char buf[1024];
	ssize_t len = read(out[0], buf, sizeof(buf) - 1);

	buf[len > 0 ? len : 0] = '\0';
	return buf;
}

static void line_is_one_write_with_the_prefix(void **state)
{
	errno = EXDEV;
	port_err("group %d: %s", 7, "is not viable");
	port_info("second");
	assert_int_equal(errno, EXDEV);
	assert_string_equal(next_write(), "anyvfio: group 7: is not viable\n");
	assert_string_equal(next_write(), "anyvfio: second\n");
	assert_string_equal(next_write(), "");
}

static void level_above_the_limit_is_not_written(void **state)
{
	port_dbg("not this");
	host_log_set(out[1], PORT_DBG);
	port_dbg("but this");
	host_log_set(out[1], PORT_ERR);
	port_warn("nor this");
	assert_string_equal(next_write(), "anyvfio: but this\n");
	assert_string_equal(next_write(), "");
}

static void long_line_is_cut_and_still_ends(void **state)
{
	char text[2000];
	const char *line;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	port_err("%s", text);
	line = next_write();
	assert_in_range(strlen(line), 500, 600);
	assert_string_equal(line + strlen(line) - 2, "x\n");
	assert_string_equal(next_write(), "");
}

static void closed_output_loses_lines_and_no_more(void **state)
{
	errno = EXDEV;
	close(out[0]);
	port_err("nobody reads this");
	assert_int_equal(errno, EXDEV);
	host_log_set(-1, PORT_INFO);
	port_err("nor this");
	assert_int_equal(errno, EXDEV);
}

static void capture_keeps_the_last_lines(void **state)
{
	unsigned int i;

	host_log_capture(true);
	assert_string_equal(host_log_captured(), "");
	port_err("one");
	port_err("two");
	assert_string_equal(host_log_captured(), "one\ntwo");
	for (i = 0; i < 4000; i++)
		port_err("line %u", i);
	assert_null(strstr(host_log_captured(), "one"));
	assert_non_null(strstr(host_log_captured(), "line 3998\nline 3999"));
	host_log_capture(true);
	assert_string_equal(host_log_captured(), "");
	host_log_capture(false);
	port_err("not kept");
	assert_string_equal(host_log_captured(), "");
}

static void warning_names_its_place(void **state)
{
	port_warn_fatal = false;
	assert_true(WARN_ON(out[0] >= 0));
	port_warn_fatal = true;
	assert_non_null(strstr(next_write(), "test_log.c"));
}

static void noiommu_mode_grants_rawio_and_nothing_else(void **state)
{
	host_policy_set(true);
	assert_true(port_noiommu_mode());
	assert_true(port_capable(PORT_CAP_RAWIO));
	assert_false(port_capable(PORT_CAP_IPC_LOCK));
	host_policy_set(false);
	assert_false(port_capable(PORT_CAP_RAWIO));
	assert_false(host_is_tainted());
	port_taint();
	assert_true(host_is_tainted());
}

static void module_goes_only_when_nobody_holds_it(void **state)
{
	struct module module = { .name = "test" };

	assert_true(port_module_get(&module));
	assert_true(port_module_get(&module));
	assert_int_equal(host_module_retire(&module), -EBUSY);
	port_module_put(&module);
	assert_int_equal(host_module_retire(&module), -EBUSY);
	port_module_put(&module);
	assert_int_equal(host_module_retire(&module), 0);
	assert_false(port_module_get(&module));
}

static void machine_lives_until_the_last_reference(void **state)
{
	struct kvm *kvm = host_kvm_create();

	assert_non_null(kvm);
	assert_true(port_kvm_get(kvm));
	port_kvm_put(kvm);
	assert_true(port_kvm_get(kvm));
	port_kvm_put(kvm);
	port_kvm_put(kvm); /* freed: the leak check sees to it */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_pipe, close_pipe)
		TEST(line_is_one_write_with_the_prefix),
		TEST(level_above_the_limit_is_not_written),
		TEST(long_line_is_cut_and_still_ends),
		TEST(closed_output_loses_lines_and_no_more),
		TEST(capture_keeps_the_last_lines),
		TEST(warning_names_its_place),
		TEST(noiommu_mode_grants_rawio_and_nothing_else),
		TEST(module_goes_only_when_nobody_holds_it),
		TEST(machine_lives_until_the_last_reference),
	};

	port_warn_fatal = true;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
