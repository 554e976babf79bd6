/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A program on DPDK's own drivers that sleeps until packets come, since testpmd
 * never does:  rx_interrupt EAL-ARGUMENTS -- PACKETS
 *
 * Says how many it received and how often it slept; an interrupt that does not
 * come in half a minute ends it.
 */
#include <stdio.h>
#include <stdlib.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_interrupts.h>

#define PORT 0
#define PATIENCE_MS 30000

static unsigned int receive(void)
{
	struct rte_mbuf *pkts[32];
	unsigned int nr = rte_eth_rx_burst(PORT, 0, pkts, 32);

	rte_pktmbuf_free_bulk(pkts, nr);
	return nr;
}

/* What came before the interrupt was on makes none. */
static unsigned int sleep_and_receive(unsigned int *sleeps)
{
	struct rte_epoll_event event;
	unsigned int nr;

	rte_eth_dev_rx_intr_enable(PORT, 0);
	nr = receive();
	if (!nr) {
		if (rte_epoll_wait(RTE_EPOLL_PER_THREAD, &event, 1,
				   PATIENCE_MS) != 1)
			rte_exit(1, "no interrupt came\n");
		++*sleeps;
	}
	rte_eth_dev_rx_intr_disable(PORT, 0);
	return nr;
}

static void start(void)
{
	const struct rte_eth_conf conf = { .intr_conf.rxq = 1 };
	struct rte_mempool *pool =
		rte_pktmbuf_pool_create("pool", 2047, 0, 0, 2176, 0);

	if (!pool || rte_eth_dev_configure(PORT, 1, 1, &conf) ||
	    rte_eth_rx_queue_setup(PORT, 0, 128, 0, NULL, pool) ||
	    rte_eth_tx_queue_setup(PORT, 0, 128, 0, NULL) ||
	    rte_eth_dev_start(PORT) || rte_eth_promiscuous_enable(PORT) ||
	    rte_eth_dev_rx_intr_ctl_q(PORT, 0, RTE_EPOLL_PER_THREAD,
				      RTE_INTR_EVENT_ADD, NULL))
		rte_exit(1, "the port does not start: %s\n",
			 rte_strerror(rte_errno));
}

int main(int argc, char **argv)
{
	unsigned int want, got = 0, sleeps = 0, nr;

	if (rte_eal_init(argc, argv) < 0)
		return 1;
	want = atoi(argv[argc - 1]);
	start();
	while (got < want) {
		nr = receive();
		got += nr ? nr : sleep_and_receive(&sleeps);
	}
	printf("received %u, slept %u\n", got, sleeps);
	rte_eth_dev_stop(PORT);
	rte_eth_dev_close(PORT);
	rte_eal_cleanup();
	return 0;
}
