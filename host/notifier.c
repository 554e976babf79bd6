/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Notifier chains that may sleep: a singly linked list, the highest priority
 * first, among equals in the order of registration.
 *
 * Callbacks run with the chain's rwsem held for reading: one that changes its
 * own chain is reported by the lock.
 */
#include "port.h"

int blocking_notifier_chain_register(struct blocking_notifier_head *nh,
				     struct notifier_block *nb)
{
	struct notifier_block **at, **place = NULL;
	int ret = 0;

	down_write(&nh->rwsem);
	for (at = &nh->head; *at; at = &(*at)->next) {
		if (*at == nb) {
			ret = -EEXIST;
			goto out_unlock;
		}
		if (!place && (*at)->priority < nb->priority)
			place = at;
	}
	if (!place)
		place = at;
	nb->next = *place;
	*place = nb;
out_unlock:
	up_write(&nh->rwsem);
	return ret;
}

int blocking_notifier_chain_unregister(struct blocking_notifier_head *nh,
				       struct notifier_block *nb)
{
	struct notifier_block **at;
	int ret = -ENOENT;

	down_write(&nh->rwsem);
	for (at = &nh->head; *at; at = &(*at)->next) {
		if (*at != nb)
			continue;
		*at = nb->next;
		ret = 0;
		break;
	}
	up_write(&nh->rwsem);
	return ret;
}

/* What the last callback returned. */
int blocking_notifier_call_chain(struct blocking_notifier_head *nh,
				 unsigned long action, void *data)
{
	struct notifier_block *nb;
	int ret = NOTIFY_DONE;

	down_read(&nh->rwsem);
	for (nb = nh->head; nb; nb = nb->next)
		ret = nb->notifier_call(nb, action, data);
	up_read(&nh->rwsem);
	return ret;
}
