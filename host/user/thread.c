/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Threads of the host and of device models. */
#include "host.h"
#include "sys.h"

#include <sys/prctl.h>

#define THREAD_NAME_LEN 16

/* What a new thread is given; it frees it. */
struct start {
	char name[THREAD_NAME_LEN];
	void *(*fn)(void *data);
	void *data;
};

static void *thread_main(void *arg)
{
	struct start start = *(struct start *)arg;

	port_free(arg);
	prctl(PR_SET_NAME, start.name);
	return start.fn(start.data);
}

static u64 sig_bit(int sig)
{
	return BIT_ULL(sig - 1);
}

/* Those below are libc's own, for setuid() in all threads and for cancelling:
 * it waits for threads that do not take them. */
#define LIBC_SIGNALS (sig_bit(__SIGRTMIN) | sig_bit(__SIGRTMIN + 1))

int host_thread_start(pthread_t *thread, const char *name,
		      void *(*fn)(void *data), void *data)
{
	u64 mask = ~(sig_bit(SIGSEGV) | sig_bit(SIGBUS) | LIBC_SIGNALS);
	struct start *start = port_zalloc(sizeof(*start));
	u64 old;
	int ret;

	if (!start)
		return -ENOMEM;
	strscpy(start->name, name, sizeof(start->name));
	start->fn = fn;
	start->data = data;
	/* Inherited: no signal can come in before it is blocked. */
	sys_sigmask(SIG_SETMASK, &mask, &old);
	ret = pthread_create(thread, NULL, thread_main, start);
	sys_sigmask(SIG_SETMASK, &old, NULL);
	if (ret)
		port_free(start);
	return -ret;
}
