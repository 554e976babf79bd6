// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Signals.  SIGSEGV and SIGBUS are how accesses of registers and bad pointers
 * reach the host: a thread that has them blocked would be killed by the kernel
 * instead, so no mask of the program's contains them, from its beginning on.
 */
#include "preload.h"

static bool is_ours(int sig)
{
	return (sig == SIGSEGV || sig == SIGBUS) && preload_has_faults();
}

static void strip(sigset_t *set)
{
	sigdelset(set, SIGSEGV);
	sigdelset(set, SIGBUS);
}

static int set_action(int sig, const struct sigaction *act,
		      struct sigaction *old)
{
	struct sigaction own;

	if (act && path_active()) {
		own = *act;
		strip(&own.sa_mask);
		act = &own;
	}
	if (is_ours(sig))
		return result(host_fault_sigaction(sig, act, old));
	return REAL(sigaction)(sig, act, old);
}

WRAP(int, sigaction,
     (int sig, const struct sigaction *act, struct sigaction *old))
{
	return set_action(sig, act, old);
}

static handler_fn *set_handler(int sig, handler_fn *handler, int flags)
{
	struct sigaction act = { .sa_handler = handler, .sa_flags = flags };
	struct sigaction old;

	return set_action(sig, &act, &old) ? SIG_ERR : old.sa_handler;
}

#define SIGNAL(call, flags)                                      \
	WRAP(handler_fn *, call, (int sig, handler_fn *handler)) \
	{                                                        \
		if (is_ours(sig))                                \
			return set_handler(sig, handler, flags); \
		return REAL(call)(sig, handler);                 \
	}

/* clang-format off */
SIGNAL(signal, SA_RESTART)
SIGNAL(bsd_signal, SA_RESTART)
SIGNAL(ssignal, SA_RESTART)
SIGNAL(sysv_signal, SA_RESETHAND | SA_NODEFER)
SIGNAL(__sysv_signal, SA_RESETHAND | SA_NODEFER)

#define SIGMASK(call)						\
	WRAP(int, call, (int how, const sigset_t *set, sigset_t *old)) \
	{							\
		sigset_t own;					\
								\
		if (set && how != SIG_UNBLOCK && path_active()) { \
			own = *set;				\
			strip(&own);				\
			set = &own;				\
		}						\
		return REAL(call)(how, set, old);		\
	}

SIGMASK(sigprocmask)
SIGMASK(pthread_sigmask)
/* clang-format on */
