/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The one handler of SIGSEGV and SIGBUS.
 *
 * A fault is, in this order: a copy of ours that met a bad pointer (copy.c), an
 * access to a trapped page of a device (mmio.c), or the program's own affair.
 * The last goes on as the kernel would have done without us: what the program
 * asked for with sigaction() is kept here, and the kernel has our handler, with
 * those of the program's flags that decide on which stack it runs and whether
 * system calls are restarted.
 *
 * Signals that the program blocks must not block these two: a trapped access
 * would end the process.  The preload library sees to that.
 */
#include "host.h"
#include "copy.h"
#include "fault.h"
#include "syscall.h"

#include <sched.h>
#include <unistd.h>

/* The kernel's struct sigaction. */
struct kernel_action {
	void (*handler)(int sig, siginfo_t *info, void *ctx);
	unsigned long flags;
	void (*restorer)(void);
	u64 mask;
};

#define KERNEL_SA_RESTORER 0x04000000ul
#define MASK_SIZE sizeof(u64)
#define SIG_BIT(sig) BIT_ULL((sig)-1)

/* A thread that answers a trap is not interrupted, since it may have the lock
 * of a device; but what a thread does to itself cannot wait. */
#define SYNCHRONOUS                                             \
	(SIG_BIT(SIGSEGV) | SIG_BIT(SIGBUS) | SIG_BIT(SIGILL) | \
	 SIG_BIT(SIGFPE) | SIG_BIT(SIGTRAP) | SIG_BIT(SIGSYS))

/* What a trap needs of stack below the signal's frame. */
#define TRAP_STACK (16ul << 10)
#define RED_ZONE 128

void fault_return(void);
bool call_on_stack(void *sp, bool (*fn)(void *), void *arg);

/* Guarded by @action_lock, a spin lock that is taken with every signal
 * blocked: the handler needs it too. */
static struct sigaction program_action[2];
static bool action_lock;
static bool installed;

static struct sigaction *action_of(int sig)
{
	return &program_action[sig == SIGBUS];
}

static u64 set_mask(u64 mask)
{
	u64 old = 0;

	syscall4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, (long)&old,
		 MASK_SIZE);
	return old;
}

static u64 lock_actions(void)
{
	u64 mask = set_mask(~0ull);

	while (__atomic_test_and_set(&action_lock, __ATOMIC_ACQUIRE))
		sched_yield();
	return mask;
}

static void unlock_actions(void)
{
	__atomic_clear(&action_lock, __ATOMIC_RELEASE);
}

void host_fault_after_fork(void)
{
	unlock_actions();
}

/* ---- the program's affair ---- */

/* Ends the process by @sig as if we had never been here: the signal comes once
 * more, at the faulting instruction, and nobody handles it. */
static void end_by(int sig, const siginfo_t *info, ucontext_t *ctx)
{
	struct kernel_action none = { .handler = NULL };
	u64 *mask = (u64 *)&ctx->uc_sigmask;

	syscall4(SYS_rt_sigaction, sig, (long)&none, 0, MASK_SIZE);
	syscall4(SYS_rt_tgsigqueueinfo, getpid(), gettid(), sig, (long)info);
	*mask &= ~SIG_BIT(sig);
}

/* The program's action, about to be taken.  Leaves every signal blocked until
 * the handler runs or the frame ends. */
static struct sigaction take_action(int sig)
{
	struct sigaction *act = action_of(sig), taken;

	lock_actions();
	taken = *act;
	if (act->sa_flags & SA_RESETHAND && act->sa_handler != SIG_IGN)
		act->sa_handler = SIG_DFL;
	unlock_actions();
	return taken;
}

static bool is_default(const struct sigaction *act, const siginfo_t *info)
{
	/* A fault cannot be ignored, a kill() can. */
	return act->sa_handler == SIG_DFL ||
	       (act->sa_handler == SIG_IGN && info->si_code > 0);
}

static u64 handler_mask(int sig, const struct sigaction *act,
			const ucontext_t *ctx)
{
	u64 mask = *(const u64 *)&ctx->uc_sigmask | *(const u64 *)&act->sa_mask;

	return act->sa_flags & SA_NODEFER ? mask : mask | SIG_BIT(sig);
}

/* ---- ours ---- */

struct trap {
	ucontext_t *ctx;
	void *addr;
	bool moved;
};

static bool answer_trap(void *data)
{
	struct trap *trap = data;
	stack_t none = { .ss_flags = SS_DISABLE };

	/* A fault within starts at the top of the alternate stack, where our
	 * frame is.  The end of the handler brings the stack back. */
	if (trap->moved)
		syscall4(SYS_sigaltstack, (long)&none, 0, 0, 0);
	return host_mmio_fault(trap->ctx, trap->addr);
}

/* Rust gives all its threads an alternate stack of 8 KiB, of which the frame
 * takes nearly half: a trap is then answered on the stack it came from. */
static bool try_trap(ucontext_t *ctx, void *addr)
{
	struct trap trap = { .ctx = ctx, .addr = addr };
	uintptr_t alt = (uintptr_t)ctx->uc_stack.ss_sp;
	uintptr_t from = ctx->uc_mcontext.gregs[REG_RSP] - RED_ZONE;
	size_t size = ctx->uc_stack.ss_size;
	size_t left = (uintptr_t)__builtin_frame_address(0) - alt;

	trap.moved = left < size && left < TRAP_STACK && from - alt >= size &&
		     !host_probe(from - TRAP_STACK, TRAP_STACK, true);
	if (!trap.moved)
		return answer_trap(&trap);
	return call_on_stack((void *)from, answer_trap, &trap);
}

static bool is_ours(int sig, const siginfo_t *info, ucontext_t *ctx)
{
	if (info->si_code <= 0)
		return false; /* sent by somebody */
	if (host_copy_fixup(ctx))
		return true;
	return sig == SIGSEGV && try_trap(ctx, info->si_addr);
}

static void on_fault(int sig, siginfo_t *info, void *data)
{
	struct sigaction act;
	int saved = errno;
	bool ours;

	ours = is_ours(sig, info, data);
	errno = saved;
	if (ours)
		return;
	act = take_action(sig);
	if (is_default(&act, info)) {
		end_by(sig, info, data);
		return;
	}
	if (act.sa_handler == SIG_IGN)
		return;
	set_mask(handler_mask(sig, &act, data));
	act.sa_sigaction(sig, info, data);
}

/* ---- installing ---- */

static void install(int sig, const struct sigaction *act)
{
	struct kernel_action ours = {
		.handler = on_fault,
		.flags = SA_SIGINFO | SA_NODEFER | KERNEL_SA_RESTORER,
		.restorer = fault_return,
		.mask = ~SYNCHRONOUS,
	};

	if (act->sa_handler == SIG_DFL || act->sa_handler == SIG_IGN)
		ours.flags |= SA_RESTART;
	else
		ours.flags |= act->sa_flags & (SA_ONSTACK | SA_RESTART);
	syscall4(SYS_rt_sigaction, sig, (long)&ours, 0, MASK_SIZE);
}

/* Before host_fault_init() the kernel keeps what the program asked for. */
static void get_action(int sig, struct sigaction *act)
{
	struct kernel_action old = { .handler = NULL };

	if (installed) {
		*act = *action_of(sig);
		return;
	}
	syscall4(SYS_rt_sigaction, sig, 0, (long)&old, MASK_SIZE);
	memset(act, 0, sizeof(*act));
	act->sa_sigaction = old.handler;
	act->sa_flags = old.flags & ~KERNEL_SA_RESTORER;
	memcpy(&act->sa_mask, &old.mask, MASK_SIZE);
}

static void set_action(int sig, const struct sigaction *act)
{
	struct kernel_action new = {
		.handler = act->sa_sigaction,
		.flags = act->sa_flags | KERNEL_SA_RESTORER,
		.restorer = fault_return,
		.mask = *(const u64 *)&act->sa_mask,
	};

	if (installed) {
		*action_of(sig) = *act;
		install(sig, act);
		return;
	}
	syscall4(SYS_rt_sigaction, sig, (long)&new, 0, MASK_SIZE);
}

void host_fault_init(void)
{
	u64 mask = lock_actions();

	if (!installed) {
		get_action(SIGSEGV, action_of(SIGSEGV));
		get_action(SIGBUS, action_of(SIGBUS));
		install(SIGSEGV, action_of(SIGSEGV));
		install(SIGBUS, action_of(SIGBUS));
		installed = true;
	}
	unlock_actions();
	set_mask(mask);
}

int host_fault_sigaction(int sig, const struct sigaction *act,
			 struct sigaction *old)
{
	struct sigaction new, was;
	u64 mask;

	/* The program's pointers may be bad: not under the lock. */
	if (act && port_copy_in(&new, act, sizeof(new)))
		return -EFAULT;
	mask = lock_actions();
	get_action(sig, &was);
	if (act)
		set_action(sig, &new);
	unlock_actions();
	set_mask(mask);
	return old ? port_copy_out(old, &was, sizeof(was)) : 0;
}
