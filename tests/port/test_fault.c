/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The handler of SIGSEGV and SIGBUS on host/user: what is not ours reaches the
 * program as if we were not there.  Each test is a child of its own.
 */
#include "host.h"
#include "copy.h"
#include "fault.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define check(cond)                                                        \
	do {                                                               \
		if (!(cond)) {                                             \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, \
				#cond);                                    \
			_exit(99);                                         \
		}                                                          \
	} while (0)

#define ALT_SIZE (64ul << 10)
#define SMALL_SIZE 8192ul

static u8 *bad_page; /* a page without rights */
static u8 *trap_page; /* one more, a device's */

/* ---- a device ---- */

static int traps;
static uintptr_t trap_stack;
static bool trap_copies;

/* Steps over the two bytes of touch(). */
bool host_mmio_fault(ucontext_t *ctx, void *addr)
{
	u8 *at = addr, byte;

	if (at < trap_page || at >= trap_page + PAGE_SIZE)
		return false;
	traps++;
	trap_stack = (uintptr_t)__builtin_frame_address(0);
	if (trap_copies)
		check(port_copy_in(&byte, bad_page, 1) == -EFAULT);
	errno = EXDEV;
	ctx->uc_mcontext.gregs[REG_RIP] += 2;
	return true;
}

/* A load of two bytes, which a handler can step over. */
static void touch(const volatile void *addr)
{
	__asm__ volatile(".byte 0x8a, 0x07" : : "D"(addr) : "rax", "memory");
}

/* ---- the program's handlers ---- */

static volatile sig_atomic_t calls;
static int last_sig;
static void *last_addr;
static u64 last_mask;
static uintptr_t last_stack;
static sigjmp_buf jump;

static void note(int sig, siginfo_t *info, void *ctx)
{
	sigset_t now;

	calls++;
	last_sig = sig;
	last_addr = info->si_addr;
	last_stack = (uintptr_t)__builtin_frame_address(0);
	pthread_sigmask(SIG_SETMASK, NULL, &now);
	memcpy(&last_mask, &now, sizeof(last_mask));
}

static void step_over(int sig, siginfo_t *info, void *data)
{
	ucontext_t *ctx = data;

	note(sig, info, data);
	if (info->si_code > 0)
		ctx->uc_mcontext.gregs[REG_RIP] += 2;
}

static void jump_out(int sig, siginfo_t *info, void *ctx)
{
	note(sig, info, ctx);
	siglongjmp(jump, 1);
}

static void fault_again(int sig, siginfo_t *info, void *ctx)
{
	note(sig, info, ctx);
	if (calls == 1)
		touch(bad_page + 8);
	((ucontext_t *)ctx)->uc_mcontext.gregs[REG_RIP] += 2;
}

static void set(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction act = { .sa_sigaction = fn,
				 .sa_flags = SA_SIGINFO | flags };

	check(!host_fault_sigaction(sig, &act, NULL));
}

static void set_plain(int sig, void (*fn)(int))
{
	struct sigaction act = { .sa_handler = fn };

	check(!host_fault_sigaction(sig, &act, NULL));
}

static u64 mask_now(void)
{
	sigset_t now;
	u64 mask;

	pthread_sigmask(SIG_SETMASK, NULL, &now);
	memcpy(&mask, &now, sizeof(mask));
	return mask;
}

static bool in(u64 mask, int sig)
{
	return mask >> (sig - 1) & 1;
}

static u8 *use_alt_stack(size_t size)
{
	stack_t alt = { .ss_size = size };

	alt.ss_sp = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(alt.ss_sp != MAP_FAILED && !sigaltstack(&alt, NULL));
	return alt.ss_sp;
}

/* ---- tests that end by the signal ---- */

static void fault_without_a_handler_ends_by_the_signal(void)
{
	set_plain(SIGSEGV, SIG_DFL);
	touch(bad_page);
}

static void ignored_fault_ends_by_the_signal(void)
{
	set_plain(SIGSEGV, SIG_IGN);
	kill(getpid(), SIGSEGV);
	touch(bad_page);
}

static void sent_signal_without_a_handler_ends_by_it(void)
{
	set_plain(SIGSEGV, SIG_DFL);
	kill(getpid(), SIGSEGV);
	_exit(98);
}

static void sigbus_without_a_handler_ends_by_it(void)
{
	int fd = memfd_create("test", 0);

	set_plain(SIGBUS, SIG_DFL);
	touch(mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED, fd, 0));
}

static void resethand_handles_one_fault_only(void)
{
	struct sigaction act;

	set(SIGSEGV, step_over, SA_RESETHAND);
	touch(bad_page);
	check(calls == 1);
	host_fault_sigaction(SIGSEGV, NULL, &act);
	check(act.sa_handler == SIG_DFL);
	touch(bad_page);
	_exit(98);
}

static void fault_in_our_own_code_is_not_hidden(void)
{
	set_plain(SIGSEGV, SIG_DFL);
	host_copy_fixup((ucontext_t *)bad_page);
	_exit(98);
}

/* ---- tests that end with 0 ---- */

static void handler_gets_the_address_and_can_step_over(void)
{
	set(SIGSEGV, step_over, 0);
	errno = EXDEV;
	touch(bad_page + 5);
	check(calls == 1 && last_sig == SIGSEGV && last_addr == bad_page + 5);
	check(errno == EXDEV);
}

static void handler_may_jump_out(void)
{
	u64 before = mask_now();
	int i;

	set(SIGSEGV, jump_out, 0);
	for (i = 0; i < 3; i++)
		if (!sigsetjmp(jump, 1))
			touch(bad_page);
	check(calls == 3 && mask_now() == before);
}

static void handler_runs_with_the_mask_it_asked_for(void)
{
	struct sigaction act = { .sa_sigaction = step_over,
				 .sa_flags = SA_SIGINFO };
	u64 before;

	sigemptyset(&act.sa_mask);
	sigaddset(&act.sa_mask, SIGUSR1);
	check(!host_fault_sigaction(SIGSEGV, &act, NULL));
	before = mask_now();
	touch(bad_page);
	check(in(last_mask, SIGSEGV) && in(last_mask, SIGUSR1));
	check(!in(last_mask, SIGUSR2) && !in(last_mask, SIGBUS));
	check(mask_now() == before);

	act.sa_flags |= SA_NODEFER;
	check(!host_fault_sigaction(SIGSEGV, &act, NULL));
	touch(bad_page);
	check(!in(last_mask, SIGSEGV) && in(last_mask, SIGUSR1));
	check(mask_now() == before);
}

static void nodefer_handler_may_fault_itself(void)
{
	set(SIGSEGV, fault_again, SA_NODEFER);
	touch(bad_page);
	check(calls == 2);
}

static void handler_runs_on_the_stack_it_asked_for(void)
{
	u8 *alt = use_alt_stack(ALT_SIZE);

	set(SIGSEGV, step_over, 0);
	touch(bad_page);
	check(last_stack - (uintptr_t)alt >= ALT_SIZE);
	set(SIGSEGV, step_over, SA_ONSTACK);
	touch(bad_page);
	check(last_stack - (uintptr_t)alt < ALT_SIZE);
}

static void handler_of_sent_signal_is_called_and_ignored_is_not(void)
{
	set_plain(SIGBUS, SIG_IGN);
	kill(getpid(), SIGBUS);
	set(SIGBUS, step_over, 0);
	kill(getpid(), SIGBUS);
	check(calls == 1 && last_sig == SIGBUS);
}

static void old_action_is_the_programs_own(void)
{
	struct sigaction act, old;

	set(SIGSEGV, step_over, SA_ONSTACK);
	memset(&act, 0, sizeof(act));
	act.sa_handler = SIG_IGN;
	check(!host_fault_sigaction(SIGSEGV, &act, &old));
	check(old.sa_sigaction == step_over);
	check(old.sa_flags == (SA_SIGINFO | SA_ONSTACK));
	check(!host_fault_sigaction(SIGSEGV, NULL, &old));
	check(old.sa_handler == SIG_IGN);
	check(host_fault_sigaction(SIGSEGV, (void *)bad_page, NULL) == -EFAULT);
	check(host_fault_sigaction(SIGSEGV, NULL, (void *)bad_page) == -EFAULT);
}

/* A copy comes first, even when the program handles everything. */
static void copies_do_not_reach_the_programs_handler(void)
{
	u8 buf[32];

	set(SIGSEGV, step_over, 0);
	check(port_copy_in(buf, bad_page, sizeof(buf)) == -EFAULT);
	check(port_copy_out(bad_page, buf, sizeof(buf)) == -EFAULT);
	check(calls == 0);
}

/* A pointer into a trapped page is no memory: the device is not asked. */
static void copies_do_not_reach_a_device(void)
{
	u8 buf[32];

	check(port_copy_in(buf, trap_page, sizeof(buf)) == -EFAULT);
	check(traps == 0);
}

static void trapped_access_is_answered_and_errno_kept(void)
{
	set(SIGSEGV, step_over, 0);
	errno = 0;
	touch(trap_page + 16);
	check(traps == 1 && calls == 0 && errno == 0);
}

static void trap_on_a_small_alternate_stack_moves_off_it(void)
{
	u8 *alt = use_alt_stack(SMALL_SIZE);
	stack_t now;

	set(SIGSEGV, step_over, SA_ONSTACK);
	trap_copies = true;
	touch(trap_page);
	touch(trap_page + 1);
	check(traps == 2);
	check(trap_stack - (uintptr_t)alt >= SMALL_SIZE);
	/* It is in place again. */
	check(!sigaltstack(NULL, &now) && now.ss_sp == alt);
	touch(bad_page);
	check(calls == 1 && last_stack - (uintptr_t)alt < SMALL_SIZE);
}

static void trap_on_a_large_alternate_stack_stays_on_it(void)
{
	u8 *alt = use_alt_stack(ALT_SIZE);

	set(SIGSEGV, step_over, SA_ONSTACK);
	trap_copies = true;
	touch(trap_page);
	check(traps == 1 && trap_stack - (uintptr_t)alt < ALT_SIZE);
}

static void probe_touches_all_pages_and_changes_none(void)
{
	u8 *p = mmap(NULL, 4 * PAGE_SIZE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	u64 at = (u64)p;

	p[0] = 0x5a;
	check(!host_probe(at, 4 * PAGE_SIZE, true) && p[0] == 0x5a);
	check(!host_probe(at, 4 * PAGE_SIZE, false));
	check(!host_probe(at + PAGE_SIZE - 1, 2, true));
	check(!mprotect(p + 2 * PAGE_SIZE, PAGE_SIZE, PROT_READ));
	check(host_probe(at, 4 * PAGE_SIZE, true) == -EFAULT);
	check(!host_probe(at, 4 * PAGE_SIZE, false));
	/* Up to the page that cannot be written, and one byte into it. */
	check(!host_probe(at, 2 * PAGE_SIZE, true));
	check(host_probe(at, 2 * PAGE_SIZE + 1, true) == -EFAULT);
	check(!munmap(p + 3 * PAGE_SIZE, PAGE_SIZE));
	check(host_probe(at, 4 * PAGE_SIZE, false) == -EFAULT);
	check(host_probe(at + PAGE_SIZE, 3 * PAGE_SIZE, false) == -EFAULT);
}

static void probe_of_nothing_is_0_and_of_the_impossible_efault(void)
{
	check(!host_probe(0, 0, true));
	check(host_probe(0, 1, false) == -EFAULT);
	check(host_probe(~0ull, 1, false) == -EFAULT);
	check(host_probe(~0ull - PAGE_SIZE, 3 * PAGE_SIZE, true) == -EFAULT);
	check(host_probe((u64)trap_page, PAGE_SIZE, false) == -EFAULT);
	check(traps == 0);
}

/* ---- fork ---- */

static struct mutex first, second;

/* What another thread was about to do when the process was forked. */
static void *hold_both(void *arg)
{
	mutex_lock(&first);
	mutex_lock(&second);
	WRITE_ONCE(*(bool *)arg, true);
	for (;;)
		pause();
	return NULL;
}

static void child_of_fork_holds_nothing_and_starts_anew(void)
{
	bool held = false;
	pthread_t thread;
	int status = -1;
	pid_t pid;

	mutex_init(&first);
	mutex_init(&second);
	check(!pthread_create(&thread, NULL, hold_both, &held));
	while (!READ_ONCE(held))
		usleep(100);
	pid = fork();
	if (!pid) {
		lock_after_fork();
		host_fault_after_fork();
		lock_assert_none_held();
		mutex_init(&first);
		mutex_lock(&first);
		check(first.owner == gettid());
		mutex_unlock(&first);
		set(SIGSEGV, step_over, 0);
		touch(bad_page);
		check(calls == 1);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	check(!status);
}

/* ---- running ---- */

static const struct test {
	const char *name;
	void (*fn)(void);
	int sig;
} tests[] = {
/* clang-format off */
#define TEST(fn) { #fn, fn, 0 }
#define ENDS(fn, sig) { #fn, fn, sig }
	/* clang-format on */
	ENDS(fault_without_a_handler_ends_by_the_signal, SIGSEGV),
	ENDS(ignored_fault_ends_by_the_signal, SIGSEGV),
	ENDS(sent_signal_without_a_handler_ends_by_it, SIGSEGV),
	ENDS(sigbus_without_a_handler_ends_by_it, SIGBUS),
	ENDS(resethand_handles_one_fault_only, SIGSEGV),
	ENDS(fault_in_our_own_code_is_not_hidden, SIGSEGV),
	TEST(handler_gets_the_address_and_can_step_over),
	TEST(handler_may_jump_out),
	TEST(handler_runs_with_the_mask_it_asked_for),
	TEST(nodefer_handler_may_fault_itself),
	TEST(handler_runs_on_the_stack_it_asked_for),
	TEST(handler_of_sent_signal_is_called_and_ignored_is_not),
	TEST(old_action_is_the_programs_own),
	TEST(copies_do_not_reach_the_programs_handler),
	TEST(copies_do_not_reach_a_device),
	TEST(trapped_access_is_answered_and_errno_kept),
	TEST(trap_on_a_small_alternate_stack_moves_off_it),
	TEST(trap_on_a_large_alternate_stack_stays_on_it),
	TEST(probe_touches_all_pages_and_changes_none),
	TEST(probe_of_nothing_is_0_and_of_the_impossible_efault),
	TEST(child_of_fork_holds_nothing_and_starts_anew),
};

static int run(const struct test *test, bool handlers_first)
{
	const struct rlimit no_core = { 0, 0 };
	struct sigaction act = { .sa_sigaction = note, .sa_flags = SA_SIGINFO };
	int status = -1;
	pid_t pid;

	pid = fork();
	if (!pid) {
		setrlimit(RLIMIT_CORE, &no_core);
		if (handlers_first)
			host_fault_sigaction(SIGSEGV, &act, NULL);
		host_fault_init();
		test->fn();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return status;
}

int main(void)
{
	unsigned int i, failed = 0;
	int status;
	bool ok;

	bad_page = mmap(NULL, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	trap_page = mmap(NULL, PAGE_SIZE, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	setvbuf(stdout, NULL, _IONBF, 0);
	port_warn_fatal = true;
	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		status = run(&tests[i], i % 2);
		ok = tests[i].sig ? WIFSIGNALED(status) &&
					    WTERMSIG(status) == tests[i].sig
				  : status == 0;
		printf("%sok %u - %s\n", ok ? "" : "not ", i + 1,
		       tests[i].name);
		if (!ok)
			printf("# status %#x\n", status);
		failed += !ok;
	}
	printf("1..%zu\n", ARRAY_SIZE(tests));
	return failed ? 1 : 0;
}
