// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Start and end of the core (M1, M2). */
#include "vfio.h"

struct vfio vfio;

static void init_table(struct list_head *table)
{
	unsigned int i;

	for (i = 0; i < VFIO_TABLE_SIZE; i++)
		INIT_LIST_HEAD(&table[i]);
}

static bool table_is_empty(const struct list_head *table)
{
	unsigned int i;

	for (i = 0; i < VFIO_TABLE_SIZE; i++)
		if (!list_empty(&table[i]))
			return false;
	return true;
}

/* Starts from nothing whatever was there: a forked child calls it again. */
int vfio_init(void)
{
	int ret;

	mutex_init(&vfio.lock);
	init_rwsem(&vfio.drivers_lock);
	INIT_LIST_HEAD(&vfio.drivers);
	init_table(vfio.groups);
	init_table(vfio.devices);

	ret = vfio_register_iommu_driver(&vfio_noiommu_ops);
	if (ret) {
		port_err("cannot register the noiommu backend: error %d", ret);
		goto err_destroy_lock;
	}
	port_info("VFIO core " VFIO_CORE_VERSION);
	return 0;

err_destroy_lock:
	mutex_destroy(&vfio.lock);
	return ret;
}

/* The host lets nobody in any more, and its drivers have left. */
void vfio_exit(void)
{
	vfio_unregister_iommu_driver(&vfio_noiommu_ops);
	WARN_ON(!list_empty(&vfio.drivers));
	WARN_ON(!table_is_empty(vfio.groups));
	WARN_ON(!table_is_empty(vfio.devices));
	mutex_destroy(&vfio.lock);
}
