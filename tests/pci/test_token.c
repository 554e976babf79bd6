// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* VF tokens (P1, P2): a physical function, a virtual one of it, and others. */
#include "harness.h"

#define A "11112222-3333-4444-5555-66667777888a"
#define B "11112222-3333-4444-5555-66667777888b"

static struct fake *pf, *vf, *other;
static struct user pf_user, vf_user, other_user;

static int setup(void **state)
{
	pf = fake_create("0000:01:00.0", 7);
	vf = fake_create("0000:01:00.1", 8);
	other = fake_create("0000:02:00.0", 9);
	pf->info.is_pf = true;
	fake_bind(pf);
	vf->info.pf = pf->vdev;
	fake_bind(vf);
	fake_bind(other);
	user_open_group(&pf_user, 7);
	user_open_group(&vf_user, 8);
	user_open_group(&other_user, 9);
	return 0;
}

static void end(struct user *user, struct fake *fake)
{
	user_close(user);
	fake_destroy(fake);
}

static int teardown(void **state)
{
	end(&vf_user, vf);
	end(&pf_user, pf);
	end(&other_user, other);
	return 0;
}

/* With these options; the descriptor or a negated errno. */
static long open_with(struct user *user, struct fake *fake, const char *options)
{
	char name[128];

	snprintf(name, sizeof(name), "%s%s", fake->name, options);
	return host_fd_ioctl(user->group, VFIO_GROUP_GET_DEVICE_FD,
			     (unsigned long)name);
}

/* Opens it and closes it again. */
static long try(struct user *user, struct fake *fake, const char *options)
{
	long fd = open_with(user, fake, options);

	if (fd < 0)
		return fd;
	assert_int_equal(host_fd_close(fd), 0);
	return 0;
}

static void P1_virtual_function_needs_its_pfs_token(void **state)
{
	/* Before there is one, no token is the right one. */
	assert_int_equal(try(&vf_user, vf, ""), -EACCES);
	assert_int_equal(try(&vf_user, vf,
			     " vf_token=00000000-0000-0000-0000-000000000000"),
			 -EACCES);
	assert_int_equal(try(&pf_user, pf, " vf_token=" A), 0);
	assert_int_equal(try(&vf_user, vf, ""), -EACCES);
	assert_int_equal(try(&vf_user, vf, " vf_token=" B), -EACCES);
	assert_int_equal(try(&vf_user, vf, " vf_token=" A), 0);
	assert_int_equal(try(&vf_user, vf,
			     " vf_token=11112222-3333-4444-5555-66667777888A "),
			 0);
}

static void P1_token_is_taken_over_while_no_vf_is_open(void **state)
{
	assert_int_equal(try(&pf_user, pf, ""), 0);
	assert_int_equal(try(&pf_user, pf, " vf_token=" A), 0);
	assert_int_equal(try(&pf_user, pf, ""), 0);
	assert_int_equal(try(&vf_user, vf, " vf_token=" A), 0);
	assert_int_equal(try(&pf_user, pf, " vf_token=" B), 0);
	assert_int_equal(try(&vf_user, vf, " vf_token=" A), -EACCES);
	assert_int_equal(try(&vf_user, vf, " vf_token=" B), 0);
}

static void P1_physical_function_needs_it_while_a_vf_is_open(void **state)
{
	long first, second;

	assert_int_equal(try(&pf_user, pf, " vf_token=" A), 0);
	first = open_with(&vf_user, vf, " vf_token=" A);
	second = open_with(&vf_user, vf, " vf_token=" A);
	assert_true(first >= 0 && second >= 0);
	assert_int_equal(try(&pf_user, pf, ""), -EACCES);
	assert_int_equal(try(&pf_user, pf, " vf_token=" B), -EACCES);
	assert_int_equal(try(&pf_user, pf, " vf_token=" A), 0);
	/* Open is open, however often. */
	assert_int_equal(host_fd_close(first), 0);
	assert_int_equal(try(&pf_user, pf, " vf_token=" B), -EACCES);
	assert_int_equal(host_fd_close(second), 0);
	assert_int_equal(try(&pf_user, pf, " vf_token=" B), 0);
	assert_int_equal(try(&vf_user, vf, " vf_token=" B), 0);
}

static void P1_open_that_fails_counts_nothing(void **state)
{
	assert_int_equal(try(&pf_user, pf, " vf_token=" A), 0);
	vf->enable_ret = -EIO;
	assert_int_equal(try(&vf_user, vf, " vf_token=" A), -EIO);
	vf->enable_ret = 0;
	assert_int_equal(try(&pf_user, pf, " vf_token=" B), 0);
}

static void P1_other_function_has_none(void **state)
{
	assert_int_equal(try(&other_user, other, " vf_token=" A), -EINVAL);
	assert_int_equal(try(&other_user, other, "  "), 0);
	assert_int_equal(try(&other_user, other, ""), 0);
}

static void P1_other_options_are_einval(void **state)
{
	static const char *const bad[] = {
		" x",
		" vf_token",
		" vf_token=",
		" vf_token=1",
		" vf_token=11112222-3333-4444-5555-66667777888",
		" vf_token=11112222-3333-4444-5555-66667777888g",
		" vf_token=11112222-3333-4444-5555-6666777788 8",
		" vf_token=1111222-23333-4444-5555-66667777888a",
		" vf_token=11112222033330444405555066667777888a",
		" vf_token=" A "0",
		" vf_token=" A " vf_token=" A,
		" vf_token=" A " x",
		" VF_TOKEN=" A,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(try(&pf_user, pf, bad[i]), -EINVAL);
	assert_int_equal(try(&vf_user, vf, " vf_token=" A), -EACCES);
}

/* ---- the feature ---- */

struct token_feature {
	struct vfio_device_feature header;
	u8 token[16];
};

static const u8 token_a[16] = { 0x11, 0x11, 0x22, 0x22, 0x33, 0x33, 0x44, 0x44,
				0x55, 0x55, 0x66, 0x66, 0x77, 0x77, 0x88, 0x8a };

static long feature(struct user *user, u32 flags, u32 argsz)
{
	struct token_feature arg = {
		.header = { .argsz = argsz,
			    .flags = flags | VFIO_DEVICE_FEATURE_PCI_VF_TOKEN },
	};

	memcpy(arg.token, token_a, sizeof(token_a));
	return do_ioctl(user, VFIO_DEVICE_FEATURE, &arg);
}

static void P2_feature_sets_the_token(void **state)
{
	const u32 set = VFIO_DEVICE_FEATURE_SET;
	const u32 probe = VFIO_DEVICE_FEATURE_PROBE;
	const u32 size = sizeof(struct token_feature);

	pf_user.device = open_with(&pf_user, pf, "");
	assert_true(pf_user.device >= 0);
	assert_int_equal(feature(&pf_user, probe | set, 8), 0);
	assert_int_equal(feature(&pf_user, probe, 8), 0);
	assert_int_equal(feature(&pf_user, VFIO_DEVICE_FEATURE_GET, size),
			 -EINVAL);
	assert_int_equal(feature(&pf_user, 0, size), -EINVAL);
	assert_int_equal(feature(&pf_user, set, size - 1), -EINVAL);
	assert_int_equal(try(&vf_user, vf, " vf_token=" A), -EACCES);
	assert_int_equal(feature(&pf_user, set, size), 0);
	assert_int_equal(try(&vf_user, vf, " vf_token=" A), 0);
}

static void P2_token_that_cannot_be_read_stays_as_it_was(void **state)
{
	const struct vfio_device_feature header = {
		.argsz = sizeof(struct token_feature),
		.flags = VFIO_DEVICE_FEATURE_SET |
			 VFIO_DEVICE_FEATURE_PCI_VF_TOKEN,
	};

	pf_user.device = open_with(&pf_user, pf, " vf_token=" A);
	assert_int_equal(do_ioctl_cut(&pf_user, VFIO_DEVICE_FEATURE, &header,
				      sizeof(header)),
			 -EFAULT);
	assert_int_equal(try(&vf_user, vf, " vf_token=" A), 0);
}

static void P2_feature_of_other_functions_is_enotty(void **state)
{
	const u32 set = VFIO_DEVICE_FEATURE_SET;

	assert_int_equal(try(&pf_user, pf, " vf_token=" A), 0);
	vf_user.device = open_with(&vf_user, vf, " vf_token=" A);
	other_user.device = open_with(&other_user, other, "");
	assert_int_equal(feature(&vf_user, set, 24), -ENOTTY);
	assert_int_equal(feature(&other_user, set, 24), -ENOTTY);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(P1_virtual_function_needs_its_pfs_token),
		test(P1_token_is_taken_over_while_no_vf_is_open),
		test(P1_physical_function_needs_it_while_a_vf_is_open),
		test(P1_open_that_fails_counts_nothing),
		test(P1_other_function_has_none),
		test(P1_other_options_are_einval),
		test(P2_feature_sets_the_token),
		test(P2_token_that_cannot_be_read_stays_as_it_was),
		test(P2_feature_of_other_functions_is_enotty),
	};

	return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
