/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Messages of the user host: one write(2) a line, never through stdio, since a
 * message may come in the middle of the program's own printf().
 */
#include "host.h"
#include "syscall.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_LEN 512
#define CAPTURE_LEN 16384

static int log_fd = STDERR_FILENO;
static enum port_level log_level = PORT_INFO;

/* Guards the captured lines: "...\n...\n", the oldest fall off. */
static pthread_mutex_t capture_lock = PTHREAD_MUTEX_INITIALIZER;
static bool capturing;
static char captured[CAPTURE_LEN];
static char captured_copy[CAPTURE_LEN];
static size_t captured_len;

bool port_warn_fatal;
void (*port_warn_hook)(const char *file, int line, const char *what);

void host_log_set(int fd, enum port_level level)
{
	WRITE_ONCE(log_fd, fd);
	WRITE_ONCE(log_level, level);
}

void host_log_capture(bool on)
{
	pthread_mutex_lock(&capture_lock);
	captured_len = 0;
	WRITE_ONCE(capturing, on);
	pthread_mutex_unlock(&capture_lock);
}

const char *host_log_captured(void)
{
	size_t len;

	pthread_mutex_lock(&capture_lock);
	/* All but the last line's end. */
	len = captured_len ? captured_len - 1 : 0;
	memcpy(captured_copy, captured, len);
	captured_copy[len] = '\0';
	pthread_mutex_unlock(&capture_lock);
	return captured_copy;
}

static void capture(const char *line, size_t len)
{
	const char *second;
	size_t gone;

	pthread_mutex_lock(&capture_lock);
	while (captured_len + len >= CAPTURE_LEN) {
		second = memchr(captured, '\n', captured_len);
		gone = second + 1 - captured;
		captured_len -= gone;
		memmove(captured, second + 1, captured_len);
	}
	memcpy(captured + captured_len, line, len);
	captured_len += len;
	pthread_mutex_unlock(&capture_lock);
}

static void write_all(int fd, const char *line, size_t len)
{
	long done;

	do {
		done = syscall4(SYS_write, fd, (long)line, len, 0);
	} while (done == -EINTR);
}

/* A line that cannot be written is lost: there is nobody to tell.  The program
 * does not die by it when the other end of its stderr has gone. */
static void write_line(const char *line, size_t len)
{
	const struct timespec now = { 0 };
	sigset_t pipe, old, pending;

	sigpending(&pending);
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, &old);
	write_all(READ_ONCE(log_fd), line, len);
	if (!sigismember(&pending, SIGPIPE))
		sigtimedwait(&pipe, NULL, &now);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void __printf(1, 0) log_line(const char *fmt, va_list args)
{
	static const char prefix[] = "anyvfio: ";
	size_t len = sizeof(prefix) - 1;
	char line[LINE_MAX_LEN];
	int saved = errno, n;

	memcpy(line, prefix, len);
	n = vsnprintf(line + len, sizeof(line) - len - 1, fmt, args);
	if (n > 0)
		len += min_t(size_t, n, sizeof(line) - len - 2);
	line[len++] = '\n';

	write_line(line, len);
	if (READ_ONCE(capturing))
		capture(line + sizeof(prefix) - 1, len - sizeof(prefix) + 1);
	errno = saved;
}

void port_log(enum port_level level, const char *fmt, ...)
{
	va_list args;

	if (level > READ_ONCE(log_level))
		return;
	va_start(args, fmt);
	log_line(fmt, args);
	va_end(args);
}

void port_warn_on(const char *file, int line, const char *what)
{
	if (port_warn_hook) {
		port_warn_hook(file, line, what);
		return;
	}
	port_log(PORT_ERR, "bug at %s:%d: %s", file, line, what);
	if (port_warn_fatal)
		abort();
}
