// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "fixture.h"
#include "vfio.h"

#include <pthread.h>
#include <stdlib.h>

/* ---- the trace ---- */

static pthread_mutex_t trace_lock = PTHREAD_MUTEX_INITIALIZER;
static char trace[TRACE_LEN];
static size_t trace_len;
bool trace_off;

void note(const char *fmt, ...)
{
	char word[TRACE_LEN];
	va_list args;

	if (READ_ONCE(trace_off))
		return;
	va_start(args, fmt);
	vsnprintf(word, sizeof(word), fmt, args);
	va_end(args);

	pthread_mutex_lock(&trace_lock);
	trace_len += snprintf(trace + trace_len, sizeof(trace) - trace_len,
			      "%s%s", trace_len ? " " : "", word);
	trace_len = min(trace_len, sizeof(trace) - 1);
	pthread_mutex_unlock(&trace_lock);
}

void take_trace(char got[TRACE_LEN])
{
	pthread_mutex_lock(&trace_lock);
	memcpy(got, trace, trace_len);
	got[trace_len] = '\0';
	trace_len = 0;
	pthread_mutex_unlock(&trace_lock);
}

void forget_trace(void)
{
	char got[TRACE_LEN];

	take_trace(got);
}

/* ---- the fake backend ---- */

struct space {
	struct backend *backend;
	int groups;
};

struct backend alpha, beta;

static void *space_open(struct backend *b, unsigned long arg)
{
	struct space *space;

	note("%c.open:%lu", b->tag, arg);
	if (b->open_error)
		return ERR_PTR(b->open_error);
	space = calloc(1, sizeof(*space));
	space->backend = b;
	__atomic_add_fetch(&b->live, 1, __ATOMIC_RELAXED);
	return space;
}

static void space_release(void *data)
{
	struct space *space = data;

	note("%c.release", space->backend->tag);
	assert_int_equal(__atomic_load_n(&space->groups, __ATOMIC_RELAXED), 0);
	__atomic_sub_fetch(&space->backend->live, 1, __ATOMIC_RELAXED);
	free(space);
}

static long space_ioctl(struct backend *b, struct space *space,
			unsigned int cmd, unsigned long arg)
{
	if (cmd == VFIO_CHECK_EXTENSION && space)
		return b->extension_after_open;
	if (cmd == VFIO_CHECK_EXTENSION) {
		note("%c?", b->tag);
		return arg == b->extension ? b->tag : b->unknown;
	}
	assert_non_null(space);
	note("%c.ioctl", b->tag);
	if (b->on_ioctl)
		b->on_ioctl();
	/* Touched after the hook: still there? */
	return cmd == CMD_FAKE ? (long)arg + space->backend->tag : -ENOTTY;
}

static ssize_t space_read(void *data, char __user *buf, size_t len, loff_t *pos)
{
	struct space *space = data;

	note("%c.read:%zu@%ld", space->backend->tag, len, (long)*pos);
	return len;
}

static ssize_t space_write(void *data, const char __user *buf, size_t len,
			   loff_t *pos)
{
	struct space *space = data;

	note("%c.write:%zu@%ld", space->backend->tag, len, (long)*pos);
	return len;
}

static int space_mmap(void *data, struct port_vma *vma)
{
	struct space *space = data;

	note("%c.mmap:%lu", space->backend->tag,
	     (unsigned long)port_vma_size(vma));
	return -EXDEV;
}

static int space_attach(void *data, struct iommu_group *group)
{
	struct space *space = data;
	struct backend *b = space->backend;
	int id = port_iommu_group_id(group);

	note("%c.attach:%d", b->tag, id);
	if (b->on_attach)
		b->on_attach();
	if (b->attach_error && id == b->attach_fail)
		return b->attach_error;
	__atomic_add_fetch(&space->groups, 1, __ATOMIC_RELAXED);
	return 0;
}

static void space_detach(void *data, struct iommu_group *group)
{
	struct space *space = data;

	note("%c.detach:%d", space->backend->tag, port_iommu_group_id(group));
	__atomic_sub_fetch(&space->groups, 1, __ATOMIC_RELAXED);
}

static int space_pin(void *data, unsigned long *user_pfn, int npage, int prot,
		     unsigned long *phys_pfn)
{
	struct space *space = data;
	int i;

	note("%c.pin:%d", space->backend->tag, npage);
	for (i = 0; i < npage; i++)
		phys_pfn[i] = user_pfn[i] + 1;
	if (space->backend->on_pin)
		space->backend->on_pin();
	/* Touched after the hook: still there? */
	return READ_ONCE(space->groups) ? npage : -EIO;
}

static int space_unpin(void *data, unsigned long *user_pfn, int npage)
{
	struct space *space = data;

	note("%c.unpin:%d", space->backend->tag, npage);
	return npage;
}

static int space_listen(void *data, unsigned long *events,
			struct notifier_block *nb)
{
	struct space *space = data;

	*events &= ~VFIO_IOMMU_NOTIFY_DMA_UNMAP;
	if (*events)
		return -EINVAL;
	note("%c.listen", space->backend->tag);
	space->backend->listener = nb;
	return 0;
}

static int space_unlisten(void *data, struct notifier_block *nb)
{
	struct space *space = data;

	note("%c.unlisten", space->backend->tag);
	if (space->backend->listener != nb)
		return -ENOENT;
	space->backend->listener = NULL;
	return 0;
}

static void *alpha_open(unsigned long arg)
{
	return space_open(&alpha, arg);
}

static long alpha_ioctl(void *data, unsigned int cmd, unsigned long arg)
{
	return space_ioctl(&alpha, data, cmd, arg);
}

static void *beta_open(unsigned long arg)
{
	return space_open(&beta, arg);
}

static long beta_ioctl(void *data, unsigned int cmd, unsigned long arg)
{
	return space_ioctl(&beta, data, cmd, arg);
}

#define SPACE_OPS                                                           \
	.release = space_release, .read = space_read, .write = space_write, \
	.mmap = space_mmap, .attach_group = space_attach,                   \
	.detach_group = space_detach, .pin_pages = space_pin,               \
	.unpin_pages = space_unpin, .register_notifier = space_listen,      \
	.unregister_notifier = space_unlisten

const struct vfio_iommu_driver_ops alpha_ops = {
	.name = "alpha",
	.owner = &alpha.module,
	.open = alpha_open,
	.ioctl = alpha_ioctl,
	SPACE_OPS,
};

const struct vfio_iommu_driver_ops beta_ops = {
	.name = "beta",
	.owner = &beta.module,
	.open = beta_open,
	.ioctl = beta_ioctl,
	SPACE_OPS,
};

/* ---- the fake bus driver ---- */

struct module fake_module = { .name = "fake" };
const struct host_driver vfio_driver = { .name = "vfio-fake",
					 .managed_dma = true };
const struct host_driver native_driver = { .name = "native" };

static int fake_open(void *data)
{
	struct fake *fake = data;

	note("%s.open", fake->name);
	if (fake->on_open)
		fake->on_open(fake);
	if (fake->open_error)
		return fake->open_error;
	assert_int_equal(__atomic_add_fetch(&fake->opens, 1, __ATOMIC_RELAXED),
			 1);
	return 0;
}

static void fake_release(void *data)
{
	struct fake *fake = data;

	note("%s.release", fake->name);
	if (fake->on_release)
		fake->on_release(fake);
	assert_int_equal(__atomic_sub_fetch(&fake->opens, 1, __ATOMIC_RELAXED),
			 0);
}

static ssize_t fake_read(void *data, char __user *buf, size_t len, loff_t *pos)
{
	struct fake *fake = data;

	note("%s.read:%zu@%ld", fake->name, len, (long)*pos);
	*pos += len;
	return len;
}

static ssize_t fake_write(void *data, const char __user *buf, size_t len,
			  loff_t *pos)
{
	struct fake *fake = data;

	note("%s.write:%zu@%ld", fake->name, len, (long)*pos);
	*pos += len;
	return len;
}

static long fake_ioctl(void *data, unsigned int cmd, unsigned long arg)
{
	struct fake *fake = data;

	note("%s.ioctl", fake->name);
	if (fake->on_ioctl)
		fake->on_ioctl(fake);
	return cmd == CMD_FAKE ? (long)arg + 1 : -ENOTTY;
}

static int fake_mmap(void *data, struct port_vma *vma)
{
	struct fake *fake = data;

	note("%s.mmap:%lu@%lu", fake->name, (unsigned long)port_vma_size(vma),
	     (unsigned long)port_vma_offset(vma));
	return -EXDEV;
}

static void fake_request(void *data, unsigned int count)
{
	struct fake *fake = data;

	note("%s.request:%u", fake->name, count);
	__atomic_add_fetch(&fake->requests, 1, __ATOMIC_RELAXED);
	if (fake->on_request)
		fake->on_request(fake, count);
}

const struct vfio_device_ops fake_ops = {
	.name = "vfio-fake",
	.owner = &fake_module,
	.open = fake_open,
	.release = fake_release,
	.read = fake_read,
	.write = fake_write,
	.ioctl = fake_ioctl,
	.mmap = fake_mmap,
	.request = fake_request,
};

struct fake *fake_add_ops(const char *name, int group,
			  const struct vfio_device_ops *ops)
{
	struct fake *fake = calloc(1, sizeof(*fake));

	fake->name = name;
	fake->dev = host_device_create(name, group);
	assert_non_null(fake->dev);
	assert_int_equal(host_device_bind(fake->dev, &vfio_driver), 0);
	fake->iommu_group = vfio_iommu_group_get(fake->dev);
	assert_non_null(fake->iommu_group);
	assert_int_equal(vfio_add_group_dev(fake->dev, ops, fake), 0);
	return fake;
}

struct fake *fake_add(const char *name, int group)
{
	return fake_add_ops(name, group, &fake_ops);
}

void fake_remove(struct fake *fake)
{
	assert_ptr_equal(vfio_del_group_dev(fake->dev), fake);
	assert_int_equal(fake->opens, 0);
	vfio_iommu_group_put(fake->iommu_group, fake->dev);
	host_device_unbind(fake->dev);
	host_device_destroy(fake->dev);
	free(fake);
}

/* ---- a user ---- */

int open_container(void)
{
	int fd = host_node_open("vfio", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

int open_group(int id)
{
	char name[16];

	snprintf(name, sizeof(name), "%d", id);
	return host_node_open(name, O_RDWR | O_CLOEXEC);
}

long set_container(int group, int container)
{
	return host_fd_ioctl(group, VFIO_GROUP_SET_CONTAINER,
			     (unsigned long)&container);
}

long unset_container(int group)
{
	return host_fd_ioctl(group, VFIO_GROUP_UNSET_CONTAINER, 0);
}

long set_iommu(int container, unsigned long type)
{
	return host_fd_ioctl(container, VFIO_SET_IOMMU, type);
}

long get_device_fd(int group, const char *name)
{
	return host_fd_ioctl(group, VFIO_GROUP_GET_DEVICE_FD,
			     (unsigned long)name);
}

long get_status(int group)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	long ret;

	ret = host_fd_ioctl(group, VFIO_GROUP_GET_STATUS,
			    (unsigned long)&status);
	return ret ? ret : (long)status.flags;
}

long check_extension(int container, unsigned long extension)
{
	return host_fd_ioctl(container, VFIO_CHECK_EXTENSION, extension);
}

void close_fd(int fd)
{
	assert_int_equal(host_fd_close(fd), 0);
}

struct user user_open(int group, const char *name)
{
	struct user user = { .device = -1 };

	user.container = open_container();
	user.group = open_group(group);
	assert_true(user.group >= 0);
	assert_int_equal(set_container(user.group, user.container), 0);
	assert_int_equal(set_iommu(user.container, EXT_FAKE), 0);
	if (name) {
		user.device = get_device_fd(user.group, name);
		assert_true(user.device >= 0);
	}
	return user;
}

struct vfio_group *get_external(int fd)
{
	struct port_file *file = port_file_get(fd);
	struct vfio_group *group = vfio_group_get_external_user(file);

	port_file_put(file);
	return group;
}

void user_close(struct user *user)
{
	if (user->device >= 0)
		close_fd(user->device);
	close_fd(user->group);
	close_fd(user->container);
}

static void *run_elsewhere(void *fn)
{
	((void (*)(void))fn)();
	return NULL;
}

void elsewhere(void (*fn)(void))
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, run_elsewhere, fn), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* ---- hooks in the port ---- */

int (*wait_hook)(struct completion *done, unsigned int ms, bool interruptible);
int (*leave_hook)(struct completion *done);
bool (*capable_hook)(enum port_cap cap);
bool (*viable_hook)(struct iommu_group *group);

void __real_port_free(const void *ptr);
void __wrap_port_free(const void *ptr);
bool __wrap_port_kvm_get(struct kvm *kvm);
void __wrap_port_kvm_put(struct kvm *kvm);
int __wrap_port_wait(struct completion *done, unsigned int ms,
		     bool interruptible);
bool __real_port_capable(enum port_cap cap);
bool __wrap_port_capable(enum port_cap cap);
bool __real_port_iommu_group_viable(struct iommu_group *group);
bool __wrap_port_iommu_group_viable(struct iommu_group *group);
void *__real_port_zalloc(size_t size);
void *__wrap_port_zalloc(size_t size);
int __real_port_fd_reserve(void);
int __wrap_port_fd_reserve(void);
struct port_file *__real_port_file_create(const char *name,
					  const struct port_file_ops *ops,
					  void *priv);
struct port_file *__wrap_port_file_create(const char *name,
					  const struct port_file_ops *ops,
					  void *priv);
int __real_port_group_node_add(int id, bool noiommu);
int __wrap_port_group_node_add(int id, bool noiommu);
int __real_port_iommu_group_claim(struct iommu_group *group, void *owner);
int __wrap_port_iommu_group_claim(struct iommu_group *group, void *owner);

int __wrap_port_wait(struct completion *done, unsigned int ms,
		     bool interruptible)
{
	if (ms == VFIO_LEAVE_MS)
		return leave_hook ? leave_hook(done) : -ETIME;
	if (wait_hook)
		return wait_hook(done, ms, interruptible);
	return __real_port_wait(done, ms, interruptible);
}

int woken(struct completion *done)
{
	assert_int_equal(__real_port_wait(done, 0, false), 0);
	return 0;
}

static const void *watched[4];
static unsigned int nr_watched, nr_freed;

void watch_free(const void *ptr)
{
	assert_non_null(ptr);
	assert_true(nr_watched < ARRAY_SIZE(watched));
	watched[nr_watched++] = ptr;
}

unsigned int frees_taken(void)
{
	unsigned int freed = nr_freed;

	nr_watched = 0;
	nr_freed = 0;
	return freed;
}

void __wrap_port_free(const void *ptr)
{
	unsigned int i;

	for (i = 0; i < nr_watched; i++)
		nr_freed += ptr == watched[i];
	__real_port_free(ptr);
}

bool __wrap_port_capable(enum port_cap cap)
{
	return capable_hook ? capable_hook(cap) : __real_port_capable(cap);
}

bool __wrap_port_iommu_group_viable(struct iommu_group *group)
{
	return viable_hook ? viable_hook(group)
			   : __real_port_iommu_group_viable(group);
}

bool __wrap_port_kvm_get(struct kvm *kvm)
{
	if (kvm->going)
		return false;
	__atomic_add_fetch(&kvm->holds, 1, __ATOMIC_RELAXED);
	return true;
}

void __wrap_port_kvm_put(struct kvm *kvm)
{
	int left = __atomic_sub_fetch(&kvm->holds, 1, __ATOMIC_RELAXED);

	assert_true(left >= 0);
}

/* How many more calls until one fails; 0: not armed.  One thread only. */
static unsigned int fault_left;
static bool fault_hit;

void fault_arm(unsigned int nth)
{
	fault_left = nth;
	fault_hit = false;
}

bool fault_fired(void)
{
	fault_left = 0;
	return fault_hit;
}

static bool fault(void)
{
	if (!fault_left || --fault_left)
		return false;
	fault_hit = true;
	return true;
}

void *__wrap_port_zalloc(size_t size)
{
	return fault() ? NULL : __real_port_zalloc(size);
}

int __wrap_port_fd_reserve(void)
{
	return fault() ? -EMFILE : __real_port_fd_reserve();
}

struct port_file *__wrap_port_file_create(const char *name,
					  const struct port_file_ops *ops,
					  void *priv)
{
	if (fault())
		return ERR_PTR(-ENOMEM);
	return __real_port_file_create(name, ops, priv);
}

int __wrap_port_group_node_add(int id, bool noiommu)
{
	return fault() ? -ENOMEM : __real_port_group_node_add(id, noiommu);
}

int __wrap_port_iommu_group_claim(struct iommu_group *group, void *owner)
{
	return fault() ? -EBUSY : __real_port_iommu_group_claim(group, owner);
}

void take_faults(void)
{
	static const int sigs[] = { SIGSEGV, SIGBUS };
	static struct sigaction ours[ARRAY_SIZE(sigs)];
	static bool once;
	size_t i;

	if (!once)
		host_fault_init();
	for (i = 0; i < ARRAY_SIZE(sigs); i++)
		sigaction(sigs[i], once ? &ours[i] : NULL,
			  once ? NULL : &ours[i]);
	once = true;
}

/* ---- WARN_ON that a test provokes ---- */

static unsigned int nr_warns;

static void count_warn(const char *file, int line, const char *what)
{
	nr_warns++;
}

void expect_warns(void)
{
	nr_warns = 0;
	port_warn_hook = count_warn;
}

unsigned int warns_taken(void)
{
	port_warn_hook = NULL;
	return nr_warns;
}

/* ---- from start to end ---- */

int setup(void **state)
{
	port_warn_fatal = true;
	wait_hook = NULL;
	leave_hook = NULL;
	capable_hook = NULL;
	viable_hook = NULL;
	fault_arm(0);
	host_policy_set(false);
	memset(&alpha, 0, sizeof(alpha));
	memset(&beta, 0, sizeof(beta));
	alpha.tag = 'a';
	beta.tag = 'b';
	alpha.extension = EXT_FAKE;
	fake_module.holds = 0;
	assert_int_equal(vfio_init(), 0);
	assert_int_equal(vfio_register_iommu_driver(&alpha_ops), 0);
	trace_len = 0;
	host_log_capture(true);
	return 0;
}

static void count_fd(int fd, void *data)
{
	++*(int *)data;
}

/* Open descriptors of ours, and such that were reserved and forgotten. */
static int fds_left(void)
{
	int left = host_fd_next_internal(0) >= 0;

	host_fd_each(0, INT32_MAX, count_fd, &left);
	return left;
}

int teardown(void **state)
{
	/* Not fatal here: a test that failed leaves things behind, and its
	 * message is still to come. */
	expect_warns();
	vfio_unregister_iommu_driver(&alpha_ops);
	vfio_exit();
	assert_int_equal(warns_taken(), 0);
	assert_int_equal(fds_left(), 0);
	assert_int_equal(alpha.live, 0);
	assert_int_equal(beta.live, 0);
	assert_int_equal(alpha.module.holds, 0);
	assert_int_equal(beta.module.holds, 0);
	assert_int_equal(fake_module.holds, 0);
	host_log_capture(false);
	return 0;
}
