/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A file of packets of any content, played into a card that is out of buffers now
 * and then.  What the card gets is what libpcap finds in the file when nothing
 * else looks at it: all of it, in order, as often as was asked for, and at no
 * other time.
 */
#include "fuzz.h"
#include "../models/fake_device.h"
#include "../models/still_mover.h"

#include <fcntl.h>
#include <pcap/pcap.h>
#include <sys/mman.h>
#include <unistd.h>

#define PACKETS_MAX 512
#define ROUNDS_MAX 400
#define REPEAT_MAX 3
#define FAR (1ull << 60) /* nanoseconds: nobody waits for that */

/**
 * struct packets - what a file has
 * @nr:     packets that a card can take
 * @broken: something else came before the end
 */
struct packets {
	struct {
		uint64_t time, sum;
		uint32_t len;
	} packet[PACKETS_MAX];
	unsigned int nr;
	bool broken;
};

const struct net_backend net_tap;

static struct anyvfio_device *dev;
static struct net net;
static struct packets file;
static int fd;
static char name[32];
static uint32_t chance;
static uint64_t played, repeat; /* packets; repeat 0: for ever */
static uint64_t begun;
static bool paced;

/* ---- what is in the file ---- */

static uint64_t sum_of(const uint8_t *data, uint32_t len)
{
	uint64_t sum = 0xcbf29ce484222325ull;

	while (len--)
		sum = (sum ^ *data++) * 0x100000001b3ull;
	return sum;
}

static void add_packet(const struct pcap_pkthdr *header, const uint8_t *data)
{
	if (!header->caplen || header->caplen > NET_MAX_LEN ||
	    file.nr == PACKETS_MAX)
		return;
	file.packet[file.nr].time =
		header->ts.tv_sec * 1000000000ull + header->ts.tv_usec;
	file.packet[file.nr].sum = sum_of(data, header->caplen);
	file.packet[file.nr++].len = header->caplen;
}

/* False: it is no file of Ethernet packets. */
static bool look(void)
{
	char why[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *header;
	const u_char *data;
	pcap_t *in;
	bool fits;
	int ret;

	file.nr = 0;
	in = pcap_open_offline_with_tstamp_precision(
		name, PCAP_TSTAMP_PRECISION_NANO, why);
	if (!in)
		return false;
	fits = pcap_datalink(in) == DLT_EN10MB;
	while (fits && (ret = pcap_next_ex(in, &header, &data)) == 1)
		add_packet(header, data);
	file.broken = fits && ret != PCAP_ERROR_BREAK;
	pcap_close(in);
	return fits;
}

/* ---- the card ---- */

static int take(struct net *n, unsigned int pair, const struct net_packet *pkt)
{
	uint64_t at = played % file.nr;
	uint64_t after = file.packet[at].time - file.packet[0].time;

	FUZZ_CHECK(!pair && pkt->nr == 1);
	FUZZ_CHECK(pkt->piece[0].iov_len == pkt->len);
	FUZZ_CHECK(!repeat || played < repeat * file.nr);
	FUZZ_CHECK(!file.broken || played < file.nr);
	FUZZ_CHECK(pkt->len == file.packet[at].len);
	FUZZ_CHECK(sum_of(pkt->piece[0].iov_base, pkt->len) ==
		   file.packet[at].sum);
	if (!at)
		begun = still_time;
	/* Times of a file may go back. */
	if (paced && after < FAR)
		FUZZ_CHECK(still_time - begun >= after);
	chance = chance * 1664525 + 1013904223;
	if (chance >> 30 == 0)
		return -EAGAIN;
	played++;
	return 0;
}

static unsigned int no_transmit(struct net *n, bool busy)
{
	return 0;
}

static void no_link(struct net *n, bool up)
{
}

static const struct net_card card = {
	.transmit = no_transmit,
	.deliver = take,
	.link = no_link,
};

/* As a mover would: until there is nothing to wait for, or for long enough. */
static void play(struct net *n)
{
	unsigned int rounds;
	uint64_t wait;

	for (rounds = 0; rounds < ROUNDS_MAX; rounds++) {
		still_move();
		wait = n->backend->wait_ns(n);
		if (wait > FAR)
			break;
		FUZZ_CHECK(paced || !wait);
		still_time += wait;
	}
	if (wait != UINT64_MAX)
		return;
	FUZZ_CHECK(repeat || file.broken || !file.nr);
	FUZZ_CHECK(played == (file.broken ? 1 : repeat) * file.nr);
	FUZZ_CHECK(!dev->messages == !file.broken);
}

static int start(void *priv)
{
	return net_start(priv);
}

static void stop(void *priv)
{
	net_stop(priv);
}

static void reset(void *priv)
{
	net_reset(priv);
	net_driver(priv, true);
}

static void destroy(void *priv)
{
	net_exit(priv);
}

static const struct anyvfio_device_ops ops = {
	.start = start,
	.stop = stop,
	.reset = reset,
	.destroy = destroy,
};

static int create(struct anyvfio_device *d)
{
	int ret;

	dev = d;
	memset(&net, 0, sizeof(net));
	ret = net_init(&net, d, &card);
	if (ret) {
		FUZZ_CHECK(d->messages);
		return ret;
	}
	net_register(&net);
	anyvfio_device_set_ops(d, &ops, &net);
	return 0;
}

/* ---- an input: how it is played, then the file ---- */

static void run(void)
{
	static const struct anyvfio_model model = { .create = create };
	static char rx[64], times[16];
	const char *options[] = { rx, times, paced ? "pace=original" : NULL,
				  NULL };
	bool fits = look();

	if (file.nr == PACKETS_MAX)
		return;
	snprintf(rx, sizeof(rx), "rx=%s", name);
	snprintf(times, sizeof(times), "repeat=%u", (unsigned int)repeat);
	played = 0;
	still_time = 1;
	FUZZ_CHECK(!fake_create(&model, options) == !fits);
	if (!fits)
		return;
	dev->own_lock = true;
	FUZZ_CHECK(!fake_start(dev));
	play(&net);
	fake_destroy(dev);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fd = memfd_create("packets", MFD_CLOEXEC);
	FUZZ_CHECK(fd >= 0);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	uint8_t how = fuzz_u8(&in);

	repeat = how % (REPEAT_MAX + 1);
	paced = how & 0x80;
	chance = how;
	FUZZ_CHECK(!ftruncate(fd, 0));
	FUZZ_CHECK(pwrite(fd, in.at, in.left, 0) == (ssize_t)in.left);
	run();
	return 0;
}
