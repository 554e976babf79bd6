/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Packets from a pcap or pcapng file, and into a pcap file, with libpcap.
 *
 * The library is loaded when a device needs it: every program that runs here would
 * have it otherwise.  Its files are on hidden descriptors, which the program does
 * not close by chance.
 *
 * The file waits for the driver: no packet of it is lost for want of buffers.
 */
#include "net.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <pcap/pcap.h>

#define LIBRARY "libpcap.so.0.8"
#define NS 1000000000ull
#define BUFFER (256u << 10)

static struct {
	__typeof__(pcap_fopen_offline_with_tstamp_precision) *open_in;
	__typeof__(pcap_datalink) *datalink;
	__typeof__(pcap_next_ex) *next;
	__typeof__(pcap_geterr) *error;
	__typeof__(pcap_close) *close;
	__typeof__(pcap_open_dead_with_tstamp_precision) *open_dead;
	__typeof__(pcap_dump_fopen) *open_out;
	__typeof__(pcap_dump) *dump;
	__typeof__(pcap_dump_flush) *flush;
	__typeof__(pcap_dump_close) *close_out;
} lib;

struct pcap_link {
	/* What is received. */
	pcap_t *in;
	uint64_t left; /* how often it is played, counting this time */
	bool endless, any; /* @any: this time there was one to receive */
	bool waiting; /* @pkt is the next one */
	/* When paced: of @pkt; and when the first was taken, whose time counts as
	 * that. */
	uint64_t time, first_taken, first_time;
	struct net_packet pkt;

	/* What is transmitted. */
	pcap_t *format;
	pcap_dumper_t *out;
	FILE *out_file;
	bool written;
	uint8_t frame[NET_MAX_LEN];
};

/* ---- the library ---- */

static bool find(void *object, const char *name, void *call)
{
	void *symbol = dlsym(object, name);

	memcpy(call, &symbol, sizeof(symbol));
	return symbol;
}

/* It stays loaded: functions of it may be in use anywhere. */
static int load_library(struct net *n)
{
	void *object = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (object &&
	    find(object, "pcap_fopen_offline_with_tstamp_precision",
		 &lib.open_in) &&
	    find(object, "pcap_datalink", &lib.datalink) &&
	    find(object, "pcap_next_ex", &lib.next) &&
	    find(object, "pcap_geterr", &lib.error) &&
	    find(object, "pcap_close", &lib.close) &&
	    find(object, "pcap_open_dead_with_tstamp_precision",
		 &lib.open_dead) &&
	    find(object, "pcap_dump_fopen", &lib.open_out) &&
	    find(object, "pcap_dump", &lib.dump) &&
	    find(object, "pcap_dump_flush", &lib.flush) &&
	    find(object, "pcap_dump_close", &lib.close_out))
		return 0;
	anyvfio_device_error(n->dev,
			     "rx= and tx= need libpcap (%s): %s; Debian has it "
			     "in the package libpcap0.8",
			     LIBRARY, dlerror());
	return -ENOENT;
}

/* ---- files on hidden descriptors ---- */

static ssize_t cookie_read(void *cookie, char *buf, size_t len)
{
	return read((intptr_t)cookie, buf, len);
}

static ssize_t cookie_write(void *cookie, const char *buf, size_t len)
{
	return write((intptr_t)cookie, buf, len);
}

static int cookie_close(void *cookie)
{
	anyvfio_fd_close((intptr_t)cookie);
	return 0;
}

static int say_failure(struct net *n, const char *option, const char *file,
		       const char *why)
{
	anyvfio_device_error(n->dev, "%s=%s: %s", option, file, why);
	return -EINVAL;
}

static FILE *open_file(struct net *n, const char *option, const char *name,
		       int flags)
{
	const cookie_io_functions_t io = {
		.read = cookie_read,
		.write = cookie_write,
		.close = cookie_close,
	};
	bool write = flags & O_CREAT;
	FILE *file;
	int fd;

	fd = open(name, flags | O_CLOEXEC | O_NOCTTY, 0666);
	if (fd < 0) {
		say_failure(n, option, name, strerror(errno));
		return NULL;
	}
	if (write && (flock(fd, LOCK_EX | LOCK_NB) || ftruncate(fd, 0))) {
		say_failure(n, option, name,
			    errno == EWOULDBLOCK ? "in use by another device"
						 : strerror(errno));
		close(fd);
		return NULL;
	}
	fd = anyvfio_fd_hide(fd);
	file = fd < 0 ? NULL
		      : fopencookie((void *)(intptr_t)fd, write ? "w" : "r",
				    io);
	if (!file) {
		say_failure(n, option, name, "no memory to open it");
		if (fd >= 0)
			anyvfio_fd_close(fd);
		return NULL;
	}
	setvbuf(file, NULL, _IOFBF, BUFFER);
	return file;
}

static pcap_t *open_in(struct net *n)
{
	char why[PCAP_ERRBUF_SIZE] = "";
	FILE *file = open_file(n, "rx", n->rx_file, O_RDONLY);
	pcap_t *in;

	if (!file)
		return NULL;
	in = lib.open_in(file, PCAP_TSTAMP_PRECISION_NANO, why);
	if (!in) {
		say_failure(n, "rx", n->rx_file, why);
		fclose(file);
		return NULL;
	}
	if (lib.datalink(in) != DLT_EN10MB) {
		say_failure(n, "rx", n->rx_file, "its packets are no Ethernet");
		lib.close(in);
		return NULL;
	}
	return in;
}

int net_pcap_check(struct net *n)
{
	int ret = load_library(n);
	pcap_t *in;

	if (ret || !n->rx_file)
		return ret;
	in = open_in(n);
	if (!in)
		return -EINVAL;
	lib.close(in);
	return 0;
}

/* ---- receiving ---- */

static uint64_t time_of(const struct pcap_pkthdr *header)
{
	/* With this precision the microseconds are nanoseconds. */
	return header->ts.tv_sec * NS + header->ts.tv_usec;
}

static void stop_playing(struct pcap_link *link)
{
	lib.close(link->in);
	link->in = NULL;
}

/* From the start, if it is to be played again and has anything. */
static bool play_again(struct net *n, struct pcap_link *link)
{
	stop_playing(link);
	if (!link->any || (!link->endless && !--link->left))
		return false;
	link->any = false;
	link->first_taken = 0;
	link->in = open_in(n);
	return link->in;
}

/* When @link->pkt is to come.  Times of a file may go back, and begin before 1970. */
static uint64_t due(const struct net *n, const struct pcap_link *link)
{
	if (!n->original_pace || !link->first_taken ||
	    (int64_t)(link->time - link->first_time) < 0)
		return 0;
	return link->first_taken + (link->time - link->first_time);
}

/* The clock begins when the driver is there to take it. */
static void taken(struct pcap_link *link)
{
	link->waiting = false;
	if (link->first_taken)
		return;
	link->first_taken = net_now();
	link->first_time = link->time;
}

/* Gets the next packet to @link->pkt: false at the end. */
static bool next_packet(struct net *n, struct pcap_link *link)
{
	struct pcap_pkthdr *header;
	const u_char *data;
	int ret;

	while (link->in) {
		ret = lib.next(link->in, &header, &data);
		if (ret == PCAP_ERROR_BREAK) {
			play_again(n, link);
			continue;
		}
		if (ret != 1) {
			say_failure(n, "rx", n->rx_file, lib.error(link->in));
			stop_playing(link);
			return false;
		}
		if (!header->caplen || header->caplen > NET_MAX_LEN)
			continue;
		link->any = true;
		link->pkt.nr = 1;
		link->pkt.len = header->caplen;
		link->pkt.piece[0].iov_base = (void *)data;
		link->pkt.piece[0].iov_len = header->caplen;
		link->waiting = true;
		link->time = time_of(header);
		return true;
	}
	return false;
}

static unsigned int pcap_receive(struct net *n)
{
	struct pcap_link *link = n->link;
	const struct net_packet *pkt = &link->pkt;
	unsigned int nr;

	for (nr = 0; nr < NET_BURST; nr++) {
		if (!link->waiting && !next_packet(n, link))
			break;
		if (due(n, link) > net_now())
			break;
		if (net_deliver(n,
				net_steer(n, pkt->piece[0].iov_base, pkt->len),
				pkt))
			break;
		taken(link);
	}
	return nr;
}

/* With nothing to play: for ever. */
static int64_t pcap_wait(struct net *n)
{
	const struct pcap_link *link = n->link;
	uint64_t now = net_now(), next = due(n, link);

	if (!link->in)
		return -1;
	return next > now ? next - now : 0;
}

/* ---- transmitting ---- */

static void write_failed(struct net *n, struct pcap_link *link)
{
	say_failure(n, "tx", n->tx_file, "it cannot be written any more");
	lib.close_out(link->out);
	link->out = NULL;
}

/* The library wants packets in one piece. */
static int pcap_send(struct net *n, unsigned int pair,
		     const struct net_packet *pkt)
{
	struct pcap_link *link = n->link;
	struct pcap_pkthdr header = { .caplen = pkt->len, .len = pkt->len };
	struct timespec now;
	uint32_t done = 0;
	unsigned int i;

	if (!link->out)
		return 0;
	for (i = 0; i < pkt->nr; done += pkt->piece[i++].iov_len)
		if (anyvfio_dma_copy_in(link->frame + done,
					pkt->piece[i].iov_base,
					pkt->piece[i].iov_len))
			return 0;
	clock_gettime(CLOCK_REALTIME, &now);
	header.ts.tv_sec = now.tv_sec;
	header.ts.tv_usec = now.tv_nsec;
	lib.dump((u_char *)link->out, &header, link->frame);
	link->written = true;
	return 0;
}

/* The file is whole whenever nothing is on its way: the program may end without
 * closing the device. */
static void pcap_idle(struct net *n)
{
	struct pcap_link *link = n->link;

	if (!link->out || !link->written)
		return;
	link->written = false;
	if (lib.flush(link->out))
		write_failed(n, link);
}

static int open_out(struct net *n, struct pcap_link *link)
{
	link->format =
		lib.open_dead(DLT_EN10MB, 262144, PCAP_TSTAMP_PRECISION_NANO);
	if (!link->format)
		return -ENOMEM;
	link->out_file = open_file(n, "tx", n->tx_file, O_WRONLY | O_CREAT);
	if (!link->out_file)
		goto err_close;
	link->out = lib.open_out(link->format, link->out_file);
	if (link->out)
		return 0;
	say_failure(n, "tx", n->tx_file, lib.error(link->format));
	fclose(link->out_file);
err_close:
	lib.close(link->format);
	return -EINVAL;
}

/* ---- life ---- */

static int pcap_start(struct net *n)
{
	struct pcap_link *link = calloc(1, sizeof(*link));
	int ret = -ENOMEM;

	if (!link)
		return ret;
	link->left = n->repeat;
	link->endless = !n->repeat;
	ret = -EINVAL;
	if (n->rx_file) {
		link->in = open_in(n);
		if (!link->in)
			goto err_free;
	}
	if (n->tx_file) {
		ret = open_out(n, link);
		if (ret)
			goto err_close;
	}
	n->link = link;
	return 0;

err_close:
	if (link->in)
		lib.close(link->in);
err_free:
	free(link);
	return ret;
}

static void pcap_stop(struct net *n)
{
	struct pcap_link *link = n->link;

	if (link->in)
		lib.close(link->in);
	if (link->out && lib.flush(link->out))
		write_failed(n, link);
	if (link->out)
		lib.close_out(link->out);
	if (link->format)
		lib.close(link->format);
	free(link);
	n->link = NULL;
}

const struct net_backend net_pcap = {
	.patient = true,
	.start = pcap_start,
	.stop = pcap_stop,
	.send = pcap_send,
	.receive = pcap_receive,
	.idle = pcap_idle,
	.wait_ns = pcap_wait,
};
