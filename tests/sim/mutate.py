#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Plants bugs, one at a time, and expects the sweep to find each.

A bug that is not found says that a scenario is missing; so does a planted bug
whose text is no longer in the source: then this file is to be brought up to
date with it.

    mutate.py CC SOURCE-ROOT LIBRARY... [-- NAME...]
"""

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

TIMEOUT = 120

# The scenarios that are tried before all others, for bugs in these files.
FIRST = {
    'core/external.c': ['X'],
    'core/device.c': ['B', 'L2', 'L5', 'G6', 'D3'],
    'iommu/': ['I3', 'X3'],
    'pci/': ['pci', 'D4', 'D2', 'B3_request'],
}

# (what is wrong, file, text, what it becomes)
BUGS = [
    # ---- groups ----
    ('a closed group stays in its container', 'core/group.c',
     '\tleave_container(group, false);\n', ''),
    ('a failed open keeps the container used', 'core/group.c',
     'err_unuse_container:\n\tvfio_group_unuse_container(group);\n',
     'err_unuse_container:\n'),
    ('a failed open keeps the device', 'core/group.c',
     'err_put_device:\n\tvfio_device_put(device);\n', 'err_put_device:\n'),
    ('the status is read twice', 'core/group.c',
     '\tif (status.argsz < size)\n',
     '\tif (port_copy_in(&status, arg, size) || status.argsz < size)\n'),
    ('a group is opened twice', 'core/group.c',
     'else if (group->opened || group->container)',
     'else if (group->container)'),
    ('a group in a container is opened', 'core/group.c',
     'else if (group->opened || group->container)',
     'else if (group->opened)'),
    ('unset under an open device', 'core/group.c',
     'if (alone && group->container_users > group->attached)',
     'if (alone && group->container_users > 2)'),
    ('a user of the container is not counted', 'core/group.c',
     '\t\tgroup->container_users++;\n', '\t\t;\n'),
    ('a dead group gets users', 'core/group.c',
     '\tif (group->dead)\n\t\tret = -ENODEV;\n'
     '\telse if (!group->container_users)', '\tif (!group->container_users)'),
    ('a dead group is drained under its users', 'core/group.c',
     'ret = leave_container(group, true);\n\t\tmutex_unlock',
     'ret = leave_container(group, false);\n\t\tmutex_unlock'),
    ('the node stays', 'core/group.c',
     '\tport_group_node_del(group->id, group->noiommu);\n', ''),
    ('the IOMMU group is not put', 'core/group.c',
     '\tport_iommu_group_put(group->iommu_group);\n', ''),
    ('a group is found, then held', 'core/group.c',
     '\t\tvfio_group_get(group);\n\telse\n\t\tgroup = NULL;\n'
     '\tmutex_unlock(&vfio.lock);\n\tif (!group)\n\t\treturn -ENODEV;\n',
     '\t\t;\n\telse\n\t\tgroup = NULL;\n'
     '\tmutex_unlock(&vfio.lock);\n\tif (!group)\n\t\treturn -ENODEV;\n'
     '\tvfio_group_get(group);\n'),
    ('the last user detaches without the lock', 'core/group.c',
     '\tif (drop_user_unless_last(group))\n\t\treturn;\n\n'
     '\tmutex_lock(&group->lock);\n',
     '\tif (drop_user_unless_last(group))\n\t\treturn;\n\n'),
    ('a failed node leaves the group\'s memory', 'core/group.c',
     '\tport_free(group);\n\treturn ERR_PTR(ret);', '\treturn ERR_PTR(ret);'),

    ('a noiommu group is opened without the right', 'core/group.c',
     '\tif (noiommu && !port_capable(PORT_CAP_RAWIO))\n'
     '\t\tgoto err_put_group;\n', ''),
    ('a made-up group stays', 'core/noiommu.c',
     '\t\tport_iommu_group_remove_device(dev);\n', '\t\t;\n'),

    # ---- containers ----
    ('a failed attach keeps the claim', 'core/container.c',
     'err_release_claim:\n\trelease_claim(group);\n', 'err_release_claim:\n'),
    ('a detached group keeps the claim', 'core/container.c',
     '\trelease_claim(group);\n\tlist_del', '\tlist_del'),
    ('a group is claimed after it was attached', 'core/container.c',
     '\tret = claim(group);\n\tif (ret)\n\t\tgoto err_unlock;\n', ''),
    ('a group that leaves keeps the container', 'core/container.c',
     '\t\tvfio_backend_put(last);\n\tcontainer_put(container);\n',
     '\t\tvfio_backend_put(last);\n'),
    ('a group does not hold its container', 'core/container.c',
     '\trefcount_inc(&container->refs);\n', ''),
    ('the backend outlives the last group', 'core/container.c',
     '\t\tsmp_store_release(&container->backend, NULL);\n', ''),
    ('the backend is found, then held', 'core/container.c',
     '\tif (backend)\n\t\trefcount_inc(&backend->refs);\n'
     '\tmutex_unlock(&container->lock);\n\treturn backend;',
     '\tmutex_unlock(&container->lock);\n'
     '\tif (backend)\n\t\trefcount_inc(&backend->refs);\n\treturn backend;'),
    ('an error returns with the lock held', 'core/container.c',
     '\t\tret = -EINVAL;\n\t\tgoto out_unlock;\n', '\t\treturn -EINVAL;\n'),
    ('a group stays listed', 'core/container.c',
     '\tlist_del(&group->container_node);\n', ''),

    ('kinds of groups mix', 'core/container.c',
     '\t    container->noiommu != group->noiommu) {', '\t    false) {'),

    # ---- backends ----
    ('groups stay attached when one fails', 'core/iommu_driver.c',
     '\t\tbackend->ops->detach_group(backend->data, group->iommu_group);\n',
     '\t\t;\n'),
    ('a backend that failed is not released', 'core/iommu_driver.c',
     'err_release:\n\tops->release(backend->data);\n', 'err_release:\n'),
    ('a released backend keeps its module', 'core/iommu_driver.c',
     '\tops->release(backend->data);\n\tport_module_put(ops->owner);\n',
     '\tops->release(backend->data);\n'),
    ('a backend that failed is leaked', 'core/iommu_driver.c',
     '\t\tport_free(backend);\n\t\treturn ERR_PTR(ret);',
     '\t\treturn ERR_PTR(ret);'),
    ('a driver registered twice at once', 'core/iommu_driver.c',
     '\tif (driver)\n\t\tlist_del(&driver->node);\n\tup_write',
     '\tup_write'),

    # ---- devices ----
    ('the number is not given back', 'core/device.c',
     'err_cancel_fd:\n\tport_fd_cancel(fd);\n', 'err_cancel_fd:\n'),
    ('a failed file leaves the device open', 'core/device.c',
     'err_close_device:\n\tclose_device(device);\n', 'err_close_device:\n'),
    ('the device is used after it was published', 'core/device.c',
     '\tport_fd_publish(fd, file);\n\treturn fd;',
     '\tport_fd_publish(fd, file);\n'
     '\tport_dbg("group %d", device->group->id);\n\treturn fd;'),
    ('the device is put before its group is unused', 'core/device.c',
     '\tvfio_group_unuse_container(device->group);\n'
     '\tvfio_device_put(device);\n',
     '\tvfio_device_put(device);\n'
     '\tvfio_group_unuse_container(device->group);\n'),
    ('the group is unused before the device is closed', 'core/device.c',
     '\tclose_device(device);\n'
     '\tvfio_group_unuse_container(device->group);\n',
     '\tvfio_group_unuse_container(device->group);\n'
     '\tclose_device(device);\n'),
    ('a device on its way out is opened', 'core/device.c',
     '\t\tdevice->removing = true;\n', '\t\t;\n'),
    ('a signal ends the wait of a removal', 'core/device.c',
     '\treturn !ret;\n', '\treturn ret != -ETIME;\n'),
    ('a removal can be interrupted again and again', 'core/device.c',
     '!removal->interrupted)', 'true)'),
    ('closes of one device are not one after the other', 'core/device.c',
     '\tmutex_lock(&device->open_lock);\n\tif (!--device->open_count) {',
     '\tmutex_lock(&device->open_lock);\n'
     '\tmutex_unlock(&device->open_lock);\n'
     '\tsmp_load_acquire(&device->open_count);\n'
     '\tmutex_lock(&device->open_lock);\n'
     '\tif (device->open_count-- == 2) {'),
    ('a failed open of the driver keeps its module', 'core/device.c',
     '\tif (ret) {\n\t\tport_module_put(device->ops->owner);\n',
     '\tif (ret) {\n'),
    ('a device is added twice', 'core/device.c',
     '\tif (find_device(device->dev))\n\t\treturn -EBUSY;\n', ''),
    ('a second device does not hold its group', 'core/device.c',
     '\tif (group) {\n\t\tvfio_group_get(group);\n\t} else {',
     '\tif (!group) {'),
    ('a device is found, then held', 'core/device.c',
     '\t\trefcount_inc(&device->refs);\n\t\tmutex_unlock(&vfio.lock);\n',
     '\t\tmutex_unlock(&vfio.lock);\n\t\trefcount_inc(&device->refs);\n'),
    ('a failed add leaves the device\'s memory', 'core/device.c',
     '\tif (ret)\n\t\tfree_device(device);\n', ''),
    ('a removal waits with the lock held', 'core/device.c',
     '\t\tdevice->removing = true;\n\tmutex_unlock(&vfio.lock);\n',
     '\t\tdevice->removing = true;\n\tif (!device)\n'
     '\t\tmutex_unlock(&vfio.lock);\n'),
    ('the count of requests does not grow', 'core/device.c',
     '\t\tcount++;\n', ''),

    # ---- external users ----
    ('an external user does not hold the group', 'core/external.c',
     '\tvfio_group_get(group);\n\treturn group;', '\treturn group;'),
    ('an external user keeps the container', 'core/external.c',
     '\tvfio_group_unuse_container(group);\n\tvfio_group_put(group);\n}\n\n'
     'bool', '\tvfio_group_put(group);\n}\n\nbool'),
    ('a replaced machine is not put', 'core/external.c',
     '\tif (old)\n\t\tport_kvm_put(old);\n', ''),
    ('a machine is remembered without a reference', 'core/external.c',
     '\tif (kvm && !port_kvm_get(kvm))\n\t\tkvm = NULL;\n', ''),
    ('a machine is never forgotten', 'core/external.c',
     '\tif (vfio_group_is_idle(group)) {', '\tif (false) {'),
    ('a call keeps the container used', 'core/external.c',
     '\tvfio_group_unuse_container(call->group);\n', ''),

    # ---- type1 ----
    ('an unmap does not wait for DMA', 'iommu/type1_map.c',
     '\tfor (dma = unmap->dmas; dma; dma = dma->next)\n'
     '\t\tdrain_dma(type1, dma);\n', ''),
    ('DMA to a mapping on its way', 'iommu/type1_access.c',
     '\tif (dma->busy)\n\t\tgoto out_unlock;\n', ''),
    ('the limit shrinks with each unmap', 'iommu/type1_map.c',
     '\ttype1->avail++;\n', ''),
    ('a failed map stays', 'iommu/type1_map.c',
     '\tif (ret)\n\t\tremove_dma(type1, dma);\n\telse\n\t\tclear_busy',
     '\tclear_busy'),
    ('who waits for a map is not woken', 'iommu/type1_map.c',
     '\t\tclear_busy(type1, dma);\n\twake_waiters(type1);\n'
     '\tup_write(&type1->lock);\n\treturn ret;',
     '\t\tclear_busy(type1, dma);\n\tup_write(&type1->lock);\n'
     '\treturn ret;'),
    ('an unmap takes what another one has', 'iommu/type1_map.c',
     '\tsettle(type1, unmap->start, unmap->last);\n', ''),
    ('the end leaves mappings', 'iommu/type1.c',
     '\tvfio_type1_unmap_all(type1);\n', ''),
    ('the end leaves pinned pages', 'iommu/type1.c',
     '\tvfio_type1_unpin_all(type1);\n', ''),
    ('listeners are not told', 'iommu/type1_map.c',
     '\t\tvfio_type1_notify_unmap(type1, dma);\n', ''),
    ('a failed pin keeps the mapping', 'iommu/type1_pages.c',
     'err_put_dma:\n\tvfio_dma_put(dma);\n', 'err_put_dma:\n'),
    ('a failed pin leaks', 'iommu/type1_pages.c',
     'err_free:\n\tport_free(page);\n', 'err_free:\n'),
    ('a pinned page is not put back', 'iommu/type1_pages.c',
     '\tif (ret)\n\t\tunpin_on_host(type1, page);\n', ''),
    ('bits of dirty pages leak', 'iommu/type1_map.c',
     '\tport_free(dma->dirty);\n', ''),
    ('a write is not marked', 'iommu/type1_access.c',
     '\tif (written) {', '\tif (false) {'),
    ('a bitmap that failed leaves the mapping without users',
     'iommu/type1_map.c', '\t\trefcount_set(&dma->users, 1);\n', ''),
    ('a failed insertion leaks nodes', 'iommu/iova.c',
     'err_free:\n\twhile (spares->nr)\n', 'err_free:\n\twhile (false)\n'),
    ('a failed map leaks', 'iommu/type1_map.c',
     '\tret = map_dma(type1, dma);\n\tif (ret)\n\t\tfree_dma(dma);\n',
     '\tret = map_dma(type1, dma);\n'),

    # ---- the PCI bus driver ----
    ('a trigger is put while it is used', 'pci/irq.c',
     '\tvdev->ops->irq_set(vdev->hw, vdev->irq_type, vector, trigger);\n'
     '\tput_trigger(vdev->triggers[vector]);\n',
     '\tput_trigger(vdev->triggers[vector]);\n'
     '\tvdev->ops->irq_set(vdev->hw, vdev->irq_type, vector, trigger);\n'),
    ('triggers are put before the interrupts end', 'pci/irq.c',
     '\tvdev->ops->irq_disable(vdev->hw, vdev->irq_type);\n'
     '\tfor (i = 0; i < vdev->nr_vectors; i++)\n'
     '\t\tput_trigger(vdev->triggers[i]);\n',
     '\tfor (i = 0; i < vdev->nr_vectors; i++)\n'
     '\t\tput_trigger(vdev->triggers[i]);\n'
     '\tvdev->ops->irq_disable(vdev->hw, vdev->irq_type);\n'),
    ('a trigger that found no place leaks', 'pci/irq.c',
     '\t\telse\n\t\t\tput_trigger(triggers[i]);\n', ''),
    ('triggers before a bad one leak', 'pci/irq.c',
     '\twhile (i--)\n\t\tput_trigger(triggers[i]);\n', ''),
    ('a watch is cancelled under the lock it takes', 'pci/irq.c',
     '\tmutex_unlock(&vdev->irq_lock);\n\tif (stale)\n'
     '\t\tport_watch_cancel(stale);\n',
     '\tif (stale)\n\t\tport_watch_cancel(stale);\n'
     '\tmutex_unlock(&vdev->irq_lock);\n'),
    ('a watch stays', 'pci/irq.c',
     '\tif (stale)\n\t\tport_watch_cancel(stale);\n', ''),
    ('an event is signalled without the lock', 'pci/irq.c',
     '\tif (is_set)\n\t\tport_eventfd_signal(*trigger);\n'
     '\tmutex_unlock(&vdev->event_lock);\n',
     '\tmutex_unlock(&vdev->event_lock);\n'
     '\tif (is_set)\n\t\tport_eventfd_signal(*trigger);\n'),
    ('events stay at the last close', 'pci/irq.c',
     '\tevent_set(vdev, &vdev->err_trigger, NULL);\n'
     '\tevent_set(vdev, &vdev->req_trigger, NULL);\n', ''),
    ('a reset overlaps calls about interrupts', 'pci/reset.c',
     '\tret = reset(vdev->hw);\n',
     '\tmutex_unlock(&vdev->irq_lock);\n\tret = reset(vdev->hw);\n'
     '\tmutex_lock(&vdev->irq_lock);\n'),
    ('a reset leaves mappings alone', 'pci/reset.c',
     '\tvfio_pci_memory_set(vdev, false, vdev->asleep);\n', ''),
    ('a BAR is reached while it does not decode', 'pci/region.c',
     '\tif (!is_io(vdev, index) && !memory_on(vdev))\n\t\tret = -EIO;\n'
     '\telse if (write)', '\tif (write)'),
    ('a BAR is mapped while it is accessed', 'pci/region.c',
     '\tdown_write(&vdev->memory_lock);\n'
     '\tret = vdev->ops->bar_mmap(vdev->hw, index, off, vma);\n'
     '\tup_write(&vdev->memory_lock);\n',
     '\tret = vdev->ops->bar_mmap(vdev->hw, index, off, vma);\n'),
]


class Sweep:
    def __init__(self, cc, root, libs, tmp):
        self.cc, self.root, self.libs, self.tmp = cc, root, libs, tmp

    def mutate(self, number, bug):
        """The source with the bug in it; SystemExit when it has no place."""
        name, path, old, new = bug
        with open(os.path.join(self.root, path)) as file:
            source = file.read()
        if source.count(old) != 1:
            raise LookupError('%d places in %s' % (source.count(old), path))
        mutant = os.path.join(self.tmp, '%d.c' % number)
        with open(mutant, 'w') as file:
            file.write('#line 1 "%s"\n%s' % (path, source.replace(old, new)))
        return mutant

    def build(self, number, mutant, path):
        program = os.path.join(self.tmp, str(number))
        include = [os.path.dirname(path), 'host/sim', 'include', 'core',
                   'iommu', 'pci']
        command = [self.cc, '-std=gnu11', '-O0', '-w', '-D_GNU_SOURCE',
                   '-fno-strict-aliasing', '-fvisibility=hidden',
                   '-fsanitize=thread']
        command += ['-I' + os.path.join(self.root, i) for i in include]
        command += [mutant, '-o', program, '-Wl,--start-group', *self.libs,
                    '-Wl,--end-group']
        subprocess.run(command, check=True, capture_output=True, text=True)
        return program

    def find(self, number, bug):
        """How the bug was found, or None."""
        program = self.build(number, self.mutate(number, bug), bug[1])
        for start, scenarios in FIRST.items():
            if bug[1].startswith(start):
                found = self.run([program, *scenarios])
                if found:
                    return found
        return self.run([program])

    def run(self, command):
        run = subprocess.run(command, capture_output=True, text=True,
                             timeout=TIMEOUT)
        lines = run.stderr.splitlines()
        for i, line in enumerate(lines):
            if line.startswith('bug in ') and run.returncode == 1:
                return '%s %s' % (line[len('bug in '):],
                                  lines[i + 1].strip())
        return None

    def check(self, number, bug):
        try:
            found = self.find(number, bug)
        except LookupError as error:
            return False, 'has no place in the source any more: %s' % error
        except subprocess.CalledProcessError as error:
            return False, 'does not build: %s' % error.stderr[:300]
        except subprocess.TimeoutExpired:
            return False, 'hangs'
        return bool(found), found or 'not found'


def main():
    args, names = sys.argv[1:], []
    if '--' in args:
        at = args.index('--')
        args, names = args[:at], args[at + 1:]
    bugs = [b for b in BUGS if not names or any(n in b[0] for n in names)]
    failed = 0
    print('1..%d' % len(bugs))
    with tempfile.TemporaryDirectory() as tmp:
        sweep = Sweep(args[0], args[1], args[2:], tmp)
        with ThreadPoolExecutor(2) as pool:
            results = pool.map(sweep.check, range(1, len(bugs) + 1), bugs)
            for i, (bug, (ok, how)) in enumerate(zip(bugs, results), 1):
                print('%s %d - %s\n# %s' % ('ok' if ok else 'not ok', i,
                                            bug[0], how), flush=True)
                failed += not ok
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
