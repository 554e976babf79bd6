/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A tap interface of this machine, where the user may open one. */
#include "net.h"

#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_tun.h>

struct tap {
	int fd;
	/* A frame that was read and has to wait for a buffer. */
	struct net_packet pkt;
	uint8_t frame[NET_MAX_LEN];
};

/* Up, if it is not and we may: who made it before may want to say that himself. */
static void bring_up(const struct ifreq *tap)
{
	struct ifreq ifr = *tap;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (!ioctl(fd, SIOCGIFFLAGS, &ifr)) {
		ifr.ifr_flags |= IFF_UP;
		ioctl(fd, SIOCSIFFLAGS, &ifr);
	}
	close(fd);
}

static int open_tap(struct net *n)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd, err;

	if (strlen(n->tap_name) >= sizeof(ifr.ifr_name)) {
		anyvfio_device_error(n->dev, "tap=%s: the name is too long",
				     n->tap_name);
		return -EINVAL;
	}
	memcpy(ifr.ifr_name, n->tap_name, strlen(n->tap_name));
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr)) {
		err = errno;
		anyvfio_device_error(n->dev, "tap=%s: %s: %s", n->tap_name,
				     fd < 0 ? "/dev/net/tun" : "TUNSETIFF",
				     strerror(err));
		if (fd >= 0)
			close(fd);
		return -err;
	}
	bring_up(&ifr);
	return anyvfio_fd_hide(fd);
}

static int tap_start(struct net *n)
{
	struct tap *tap = calloc(1, sizeof(*tap));
	int ret = -ENOMEM;

	if (!tap)
		return ret;
	ret = tap->fd = open_tap(n);
	if (ret < 0) {
		free(tap);
		return ret;
	}
	tap->pkt.nr = 1;
	tap->pkt.piece[0].iov_base = tap->frame;
	n->link = tap;
	return 0;
}

static void tap_stop(struct net *n)
{
	struct tap *tap = n->link;

	anyvfio_fd_close(tap->fd);
	free(tap);
	n->link = NULL;
}

/* From the program's memory; a frame that the kernel does not want is lost, as on
 * any wire. */
static int tap_send(struct net *n, unsigned int pair,
		    const struct net_packet *pkt)
{
	struct tap *tap = n->link;

	if (writev(tap->fd, pkt->piece, pkt->nr) < 0 && errno == EAGAIN)
		return -EAGAIN;
	return 0;
}

static unsigned int tap_receive(struct net *n)
{
	struct tap *tap = n->link;
	unsigned int nr;
	ssize_t len;

	for (nr = 0; nr < NET_BURST; nr++) {
		if (!tap->pkt.len) {
			len = read(tap->fd, tap->frame, sizeof(tap->frame));
			if (len <= 0)
				break;
			tap->pkt.len = len;
			tap->pkt.piece[0].iov_len = len;
		}
		if (net_deliver(n, net_steer(n, tap->frame, tap->pkt.len),
				&tap->pkt))
			break;
		tap->pkt.len = 0;
	}
	return nr;
}

static int tap_poll_fd(struct net *n)
{
	const struct tap *tap = n->link;

	return tap->fd;
}

const struct net_backend net_tap = {
	.patient = true,
	.start = tap_start,
	.stop = tap_stop,
	.send = tap_send,
	.receive = tap_receive,
	.poll_fd = tap_poll_fd,
};
