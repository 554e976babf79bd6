/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Mappings of devices: what holds them, what a program may do, what is where. */
#include "toy.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define BAR 2
#define BAR_OFF (1ull << 20) /* of the toy's mappings in their BAR */
#define MAX_PAGES 64

/* Page 0 traps, page 1 is read-direct, page 2 plain, and so on. */
enum kind { TRAPPED, READ_DIRECT, PLAIN, KINDS };

struct hw {
	int memfd;
	bool off; /* everything traps */
	bool slow; /* the map that is under way waits for a fork */
	bool under_way;
	bool forking;
};

static struct hw hw;

/* A while longer than it takes to begin a fork; one that waits goes on then. */
static void wait_for_fork(struct hw *toy)
{
	smp_store_release(&toy->under_way, true);
	while (!smp_load_acquire(&toy->forking))
		usleep(1000);
	usleep(50000);
}

static int toy_rights(void *data, u32 bar, u64 off, int prot, u64 *len)
{
	struct hw *toy = data;
	u64 page = (off - BAR_OFF) >> PAGE_SHIFT;

	if (toy->slow)
		wait_for_fork(toy);

	assert_int_equal(bar, BAR);
	*len = PAGE_SIZE;
	if (toy->off || page % KINDS == TRAPPED)
		return PROT_NONE;
	return page % KINDS == PLAIN ? prot : prot & ~PROT_WRITE;
}

static const struct host_vma_ops toy_vma_ops = { .rights = toy_rights };

static int toy_map(struct toy *toy, struct port_vma *vma)
{
	struct hw *data = toy->hw;
	u64 off = port_vma_offset(vma);

	return host_vma_map(vma, &toy_vma_ops, data, BAR, BAR_OFF + off,
			    data->memfd, off);
}

static int setup(void **state)
{
	hw.memfd = memfd_create("bar", MFD_CLOEXEC);
	hw.off = false;
	return ftruncate(hw.memfd, MAX_PAGES * PAGE_SIZE);
}

static int teardown(void **state)
{
	host_vma_exit();
	return close(hw.memfd);
}

static struct toy new_toy(void)
{
	return (struct toy){ .mmap = toy_map, .hw = &hw };
}

static u8 *map_at(int fd, void *addr, u64 page, u64 pages, int prot, int flags)
{
	return host_fd_mmap(addr, pages * PAGE_SIZE, prot, MAP_SHARED | flags,
			    fd, page * PAGE_SIZE);
}

static u8 *map(int fd, u64 page, u64 pages)
{
	u8 *addr = map_at(fd, NULL, page, pages, PROT_READ | PROT_WRITE, 0);

	assert_false(IS_ERR(addr));
	return addr;
}

/* A mapping of its own, whose descriptor is closed. */
static u8 *map_only(struct toy *toy, u64 page, u64 pages)
{
	int fd = toy_open(toy);
	u8 *addr = map(fd, page, pages);

	host_fd_close(fd);
	return addr;
}

static int unmap(u8 *addr, u64 pages)
{
	return host_vma_unmap(addr, pages * PAGE_SIZE);
}

/* What a program may do natively, asked of the kernel. */
static int native_rights(u8 *addr)
{
	int fds[2], prot = PROT_NONE;

	assert_int_equal(pipe(fds), 0);
	if (write(fds[1], addr, 1) == 1) {
		prot |= PROT_READ;
		if (read(fds[0], addr, 1) == 1)
			prot |= PROT_WRITE;
	}
	close(fds[0]);
	close(fds[1]);
	return prot;
}

static void assert_rights(u8 *addr, int trapped, int direct, int plain)
{
	assert_int_equal(native_rights(addr), trapped);
	assert_int_equal(native_rights(addr + PAGE_SIZE), direct);
	assert_int_equal(native_rights(addr + 2 * PAGE_SIZE), plain);
}

/* ---- life ---- */

static void L1_mapping_holds_the_description(void **state)
{
	struct toy toy = new_toy();
	u8 *addr = map_only(&toy, 0, 3);

	assert_int_equal(toy.released, 0);
	assert_int_equal(unmap(addr, 3), 0);
	assert_int_equal(toy.released, 1);
	assert_false(host_vma_is_ours(addr, 3 * PAGE_SIZE));
}

static void L1_mapping_unmapped_in_pieces_holds_until_the_last(void **state)
{
	static const u8 orders[][4] = {
		{ 1, 0, 3, 2 }, { 2, 1, 0, 3 }, { 0, 1, 2, 3 }, { 3, 2, 1, 0 }
	};
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		struct toy toy = new_toy();
		u8 *addr = map_only(&toy, 0, 4);

		for (n = 0; n < 4; n++) {
			assert_int_equal(toy.released, 0);
			assert_int_equal(
				unmap(addr + orders[i][n] * PAGE_SIZE, 1), 0);
		}
		assert_int_equal(toy.released, 1);
	}
}

static void unmapping_many_at_once_lets_all_go(void **state)
{
	u8 *area = mmap(NULL, 101 * PAGE_SIZE, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct toy toy[50];
	unsigned int i;
	int fd;

	for (i = 0; i < 50; i++) {
		toy[i] = new_toy();
		fd = toy_open(&toy[i]);
		assert_ptr_equal(map_at(fd, area + (2 * i + 1) * PAGE_SIZE, 2,
					1, PROT_READ, MAP_FIXED),
				 area + (2 * i + 1) * PAGE_SIZE);
		host_fd_close(fd);
	}
	/* All but the last, with the foreign pages between them. */
	assert_int_equal(unmap(area, 99), 0);
	for (i = 0; i < 49; i++)
		assert_int_equal(toy[i].released, 1);
	assert_int_equal(toy[49].released, 0);
	assert_int_equal(native_rights(area + 99 * PAGE_SIZE), PROT_READ);
	assert_int_equal(msync(area, PAGE_SIZE, MS_ASYNC), -1);
	assert_int_equal(msync(area + 98 * PAGE_SIZE, PAGE_SIZE, MS_ASYNC), -1);
	assert_int_equal(unmap(area + 99 * PAGE_SIZE, 2), 0);
	assert_int_equal(toy[49].released, 1);
}

static void fixed_mapping_over_ours_lets_go_what_it_covers(void **state)
{
	struct toy a = new_toy(), b = new_toy();
	struct host_vma_hit hit;
	u8 *addr = map_only(&a, 0, 3);
	int fd = toy_open(&b);

	assert_ptr_equal(map_at(fd, addr, 2, 1, PROT_READ, MAP_FIXED), addr);
	assert_int_equal(a.released, 0);
	assert_ptr_equal(
		map_at(fd, addr + PAGE_SIZE, 5, 2, PROT_READ, MAP_FIXED),
		addr + PAGE_SIZE);
	assert_int_equal(a.released, 1);
	assert_true(host_vma_find(addr + PAGE_SIZE, &hit));
	assert_int_equal(hit.off, BAR_OFF + 5 * PAGE_SIZE);
	host_fd_close(fd);
	unmap(addr, 3);
	assert_int_equal(b.released, 1);
}

static void covering_with_something_else_lets_go(void **state)
{
	struct toy toy = new_toy();
	u8 *addr = map_only(&toy, 2, 1);

	host_vma_gone(addr, PAGE_SIZE);
	assert_int_equal(toy.released, 1);
	assert_false(host_vma_is_ours(addr, 1));
	/* Gone from our books only: the kernel is the caller's. */
	assert_int_equal(native_rights(addr), PROT_READ | PROT_WRITE);
	munmap(addr, PAGE_SIZE);
}

static void mmap_that_fails_holds_nothing(void **state)
{
	struct toy toy = new_toy();
	struct hw bad = { .memfd = 1000000 };
	int fd = toy_open(&toy);

	toy.hw = &bad;
	assert_int_equal(PTR_ERR(map_at(fd, NULL, 0, 1, PROT_READ, 0)), -EBADF);
	assert_int_equal(host_fd_close(fd), 0);
	assert_int_equal(toy.released, 1);
}

static int impossible(void *data, u32 bar, u64 off, int prot, u64 *len)
{
	return 0x40000000;
}

static int map_impossible(struct toy *toy, struct port_vma *vma)
{
	static const struct host_vma_ops ops = { .rights = impossible };

	return host_vma_map(vma, &ops, toy, 0, 0, -1, 0);
}

static void rights_that_cannot_be_given_map_nothing(void **state)
{
	struct toy toy = { .mmap = map_impossible };
	int fd = toy_open(&toy);
	u8 *addr = mmap(NULL, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);

	munmap(addr, PAGE_SIZE);
	assert_int_equal(
		PTR_ERR(map_at(fd, addr, 0, 1, PROT_READ, MAP_FIXED_NOREPLACE)),
		-EINVAL);
	assert_int_equal(msync(addr, PAGE_SIZE, MS_ASYNC), -1);
	assert_false(host_vma_is_ours(addr, PAGE_SIZE));
	host_fd_close(fd);
	assert_int_equal(toy.released, 1);
}

static int refuse(struct toy *toy, struct port_vma *vma)
{
	toy->cmd = port_vma_flags(vma);
	return -ENODEV;
}

static void mmap_arguments_are_checked_as_the_kernel_does(void **state)
{
	struct toy toy = { .mmap = refuse };
	int fd = toy_open(&toy), rw = PROT_READ | PROT_WRITE;
	void *ret;

	ret = host_fd_mmap(NULL, 0, rw, MAP_SHARED, fd, 0);
	assert_int_equal(PTR_ERR(ret), -EINVAL);
	ret = host_fd_mmap(NULL, 1, rw, MAP_SHARED, fd, 1);
	assert_int_equal(PTR_ERR(ret), -EINVAL);
	ret = host_fd_mmap(NULL, 1, rw, 0, fd, 0);
	assert_int_equal(PTR_ERR(ret), -EINVAL);
	ret = host_fd_mmap((void *)1, 1, rw, MAP_SHARED | MAP_FIXED, fd, 0);
	assert_int_equal(PTR_ERR(ret), -EINVAL);
	ret = host_fd_mmap(NULL, SIZE_MAX, rw, MAP_SHARED, fd, 0);
	assert_int_equal(PTR_ERR(ret), -ENOMEM);
	ret = host_fd_mmap(NULL, 2 * PAGE_SIZE, rw, MAP_SHARED, fd,
			   -(off_t)PAGE_SIZE);
	assert_int_equal(PTR_ERR(ret), -EOVERFLOW);
	assert_int_equal(toy.cmd, 0);

	ret = host_fd_mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_int_equal(PTR_ERR(ret), -ENODEV);
	assert_int_equal(toy.cmd, PORT_VMA_READ);
	host_fd_mmap(NULL, 1, PROT_WRITE, MAP_SHARED_VALIDATE, fd, 0);
	assert_int_equal(toy.cmd, PORT_VMA_WRITE | PORT_VMA_SHARED);
	host_fd_close(fd);
}

/* ---- rights ---- */

static void pages_get_the_rights_of_their_kind(void **state)
{
	struct toy toy = new_toy();
	int fd = toy_open(&toy), rw = PROT_READ | PROT_WRITE;
	u8 *addr = map(fd, 0, 3), *ro, c = 0x5a;

	assert_rights(addr, PROT_NONE, PROT_READ, rw);
	ro = map_at(fd, NULL, 0, 3, PROT_READ, 0);
	assert_rights(ro, PROT_NONE, PROT_READ, PROT_READ);
	/* And it is the device's memory that is there. */
	addr[2 * PAGE_SIZE] = c;
	assert_int_equal(ro[2 * PAGE_SIZE], c);
	assert_int_equal(pread(hw.memfd, &c, 1, 2 * PAGE_SIZE), 1);
	assert_int_equal(c, 0x5a);
	host_fd_close(fd);
	unmap(addr, 3);
	unmap(ro, 3);
}

static void bar_without_memory_traps_everywhere(void **state)
{
	struct toy toy = new_toy();
	struct hw bare = { .memfd = -1, .off = true };
	int fd = toy_open(&toy);
	u8 *addr;

	toy.hw = &bare;
	addr = map(fd, 0, 3);
	assert_rights(addr, PROT_NONE, PROT_NONE, PROT_NONE);
	host_fd_close(fd);
	unmap(addr, 3);
}

static void protecting_a_part_keeps_trapped_pages_trapped(void **state)
{
	struct toy toy = new_toy();
	u8 *addr = map_only(&toy, 0, 6);
	struct host_vma_hit hit;

	assert_int_equal(
		host_vma_protect(addr + PAGE_SIZE, 3 * PAGE_SIZE, PROT_READ),
		0);
	assert_rights(addr, PROT_NONE, PROT_READ, PROT_READ);
	assert_rights(addr + 3 * PAGE_SIZE, PROT_NONE, PROT_READ,
		      PROT_READ | PROT_WRITE);
	assert_true(host_vma_find(addr + 3 * PAGE_SIZE, &hit));
	assert_int_equal(hit.prot, PROT_READ);
	assert_true(host_vma_find(addr + 4 * PAGE_SIZE, &hit));
	assert_int_equal(hit.prot, PROT_READ | PROT_WRITE);
	assert_true(host_vma_find(addr, &hit));
	assert_int_equal(hit.prot, PROT_READ | PROT_WRITE);
	assert_int_equal(toy.released, 0);
	unmap(addr, 6);
	assert_int_equal(toy.released, 1);
}

static void protecting_beyond_ours_reaches_the_neighbours(void **state)
{
	struct toy toy = new_toy();
	u8 *area = mmap(NULL, 5 * PAGE_SIZE, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = toy_open(&toy);

	map_at(fd, area + PAGE_SIZE, 0, 3, PROT_NONE, MAP_FIXED);
	host_fd_close(fd);
	assert_int_equal(host_vma_protect(area, 5 * PAGE_SIZE, PROT_READ), 0);
	assert_int_equal(native_rights(area), PROT_READ);
	assert_rights(area + PAGE_SIZE, PROT_NONE, PROT_READ, PROT_READ);
	assert_int_equal(native_rights(area + 4 * PAGE_SIZE), PROT_READ);
	assert_int_equal(host_vma_protect(area + 1, PAGE_SIZE, 0), -EINVAL);
	unmap(area, 5);
	assert_int_equal(host_vma_protect(area, PAGE_SIZE, 0), -ENOMEM);
}

static void D4_refresh_takes_rights_away_and_gives_them_back(void **state)
{
	struct toy toy = new_toy(), other = new_toy();
	struct hw other_hw = hw;
	u8 *addr = map_only(&toy, 0, 3), *other_addr;

	other.hw = &other_hw;
	other_addr = map_only(&other, 0, 3);
	hw.off = other_hw.off = true;
	host_vma_refresh(&hw);
	assert_rights(addr, PROT_NONE, PROT_NONE, PROT_NONE);
	assert_rights(other_addr, PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE);
	hw.off = false;
	host_vma_refresh(&hw);
	assert_rights(addr, PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE);
	unmap(addr, 3);
	unmap(other_addr, 3);
}

/* ---- finding ---- */

static void find_answers_for_every_byte_and_no_other(void **state)
{
	struct toy toy = new_toy();
	u8 *addr = map_only(&toy, 4, 3);
	struct host_vma_hit hit;

	assert_false(host_vma_find(addr - 1, &hit));
	assert_false(host_vma_find(addr + 3 * PAGE_SIZE, &hit));
	assert_true(host_vma_find(addr, &hit));
	assert_ptr_equal(hit.hw, &hw);
	assert_int_equal(hit.bar, BAR);
	assert_int_equal(hit.off, BAR_OFF + 4 * PAGE_SIZE);
	assert_int_equal(hit.len, 3 * PAGE_SIZE);
	assert_true(host_vma_find(addr + 3 * PAGE_SIZE - 1, &hit));
	assert_int_equal(hit.off, BAR_OFF + 7 * PAGE_SIZE - 1);
	assert_int_equal(hit.len, 1);
	assert_false(host_vma_is_ours(addr - 8, 8));
	assert_true(host_vma_is_ours(addr - 8, 9));
	assert_false(host_vma_is_ours(addr + 3 * PAGE_SIZE, 8));
	unmap(addr, 3);
}

static void stretch_ends_where_ours_begins_or_ends(void **state)
{
	struct toy toy = new_toy();
	u8 *addr = map_only(&toy, 0, 2);
	u64 len = 10 * PAGE_SIZE, at = (uintptr_t)addr;

	assert_true(host_vma_stretch(at + PAGE_SIZE, &len));
	assert_int_equal(len, PAGE_SIZE);
	len = 10 * PAGE_SIZE;
	assert_false(host_vma_stretch(at - PAGE_SIZE, &len));
	assert_int_equal(len, PAGE_SIZE);
	len = 100;
	assert_true(host_vma_stretch(at, &len));
	assert_int_equal(len, 100);
	unmap(addr, 2);
	assert_false(host_vma_stretch(at, &len));
	assert_int_equal(len, 100);
}

static void moved_mapping_is_found_where_it_went(void **state)
{
	struct toy toy = new_toy();
	u8 *addr = map_only(&toy, 0, 3), *to;
	struct host_vma_hit hit;

	/* One page of it: the kernel moves no more than one kind at once. */
	to = mmap(NULL, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		  0);
	assert_ptr_equal(mremap(addr + PAGE_SIZE, PAGE_SIZE, PAGE_SIZE,
				MREMAP_MAYMOVE | MREMAP_FIXED, to),
			 to);
	host_vma_moved(addr + PAGE_SIZE, PAGE_SIZE, to, PAGE_SIZE);
	assert_true(host_vma_find(to, &hit));
	assert_int_equal(hit.off, BAR_OFF + PAGE_SIZE);
	assert_false(host_vma_find(addr + PAGE_SIZE, &hit));
	assert_true(host_vma_find(addr + 2 * PAGE_SIZE, &hit));
	assert_int_equal(hit.off, BAR_OFF + 2 * PAGE_SIZE);
	unmap(addr, 3);
	assert_int_equal(toy.released, 0);
	unmap(to, 1);
	assert_int_equal(toy.released, 1);
}

static void shrunk_mapping_ends_earlier(void **state)
{
	struct toy toy = new_toy();
	u8 *addr = map_only(&toy, 0, 3);

	munmap(addr + PAGE_SIZE, 2 * PAGE_SIZE);
	host_vma_moved(addr, 3 * PAGE_SIZE, addr, PAGE_SIZE);
	assert_true(host_vma_is_ours(addr, 1));
	assert_false(host_vma_is_ours(addr + PAGE_SIZE, 2 * PAGE_SIZE));
	unmap(addr, 1);
	assert_int_equal(toy.released, 1);
}

static void bad_ranges_are_einval(void **state)
{
	assert_int_equal(host_vma_unmap((void *)1, PAGE_SIZE), -EINVAL);
	assert_int_equal(host_vma_unmap(NULL, 0), -EINVAL);
	assert_int_equal(host_vma_unmap(NULL, SIZE_MAX), -EINVAL);
	assert_int_equal(host_vma_unmap((void *)-PAGE_SIZE, PAGE_SIZE),
			 -EINVAL);
	host_vma_gone((void *)-PAGE_SIZE, SIZE_MAX);
}

/* ---- against a model: a page at a time ---- */

#define AREA 48
#define STEPS 4000
#define TOYS 6

struct model {
	u8 *area;
	struct toy toy[TOYS];
	int fd[TOYS];
	int owner[AREA]; /* which toy, -1: none */
	u64 page[AREA]; /* which of it */
	int prot[AREA];
};

static u32 random_below(u32 n)
{
	static u64 seed = 0x9e3779b97f4a7c15ull;

	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (seed >> 33) % n;
}

static void model_map(struct model *m, u32 at, u32 len)
{
	int who = random_below(TOYS), prot = random_below(4);
	u32 page = random_below(MAX_PAGES - AREA), i;
	u8 *addr = m->area + at * PAGE_SIZE;

	assert_ptr_equal(map_at(m->fd[who], addr, page, len, prot, MAP_FIXED),
			 addr);
	for (i = 0; i < len; i++) {
		m->owner[at + i] = who;
		m->page[at + i] = page + i;
		m->prot[at + i] = prot;
	}
}

static void model_unmap(struct model *m, u32 at, u32 len)
{
	u8 *addr = m->area + at * PAGE_SIZE;
	u32 i;

	assert_int_equal(unmap(addr, len), 0);
	/* The area stays ours to play in. */
	assert_ptr_equal(mmap(addr, len * PAGE_SIZE, PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
			 addr);
	for (i = 0; i < len; i++)
		m->owner[at + i] = -1;
}

static void model_protect(struct model *m, u32 at, u32 len)
{
	int prot = random_below(4);
	u32 i;

	assert_int_equal(host_vma_protect(m->area + at * PAGE_SIZE,
					  len * PAGE_SIZE, prot),
			 0);
	for (i = 0; i < len; i++)
		m->prot[at + i] = prot;
}

/* On the books only: the kernel would not move several kinds at once. */
static void model_move(struct model *m, u32 at, u32 len)
{
	u32 to = random_below(AREA - len + 1), i;

	if (to < at + len && at < to + len)
		return;
	host_vma_moved(m->area + at * PAGE_SIZE, len * PAGE_SIZE,
		       m->area + to * PAGE_SIZE, len * PAGE_SIZE);
	for (i = 0; i < len; i++) {
		m->owner[to + i] = m->owner[at + i];
		m->page[to + i] = m->page[at + i];
		m->prot[to + i] = m->prot[at + i];
		m->owner[at + i] = -1;
	}
}

static void model_check(struct model *m)
{
	struct host_vma_hit hit;
	bool found;
	u32 i;

	for (i = 0; i < AREA; i++) {
		found = host_vma_find(m->area + i * PAGE_SIZE + 8, &hit);
		assert_int_equal(found, m->owner[i] >= 0);
		if (!found)
			continue;
		assert_int_equal(hit.off, BAR_OFF + m->page[i] * PAGE_SIZE + 8);
		assert_int_equal(hit.prot, m->prot[i]);
	}
}

static void model_step(struct model *m)
{
	u32 at = random_below(AREA), len = 1 + random_below(AREA - at);

	switch (random_below(4)) {
	case 0:
		model_map(m, at, len);
		break;
	case 1:
		model_unmap(m, at, len);
		break;
	case 2:
		model_protect(m, at, len);
		break;
	case 3:
		model_move(m, at, len);
		break;
	}
	model_check(m);
}

static void any_sequence_is_as_the_model_says(void **state)
{
	struct model m;
	u32 i;

	m.area = mmap(NULL, AREA * PAGE_SIZE, PROT_NONE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (i = 0; i < AREA; i++)
		m.owner[i] = -1;
	for (i = 0; i < TOYS; i++) {
		m.toy[i] = new_toy();
		m.fd[i] = toy_open(&m.toy[i]);
	}
	for (i = 0; i < STEPS; i++)
		model_step(&m);
	for (i = 0; i < TOYS; i++) {
		host_fd_close(m.fd[i]);
		assert_true(m.toy[i].released <= 1);
	}
	unmap(m.area, AREA);
	for (i = 0; i < TOYS; i++)
		assert_int_equal(m.toy[i].released, 1);
}

/* ---- readers beside a writer ---- */

#define READS 200000

static u8 *steady;
static int reads_left;

static void *read_steadily(void *data)
{
	struct host_vma_hit hit;
	long bad = 0;
	int i;

	for (i = 0; i < READS; i++) {
		if (!host_vma_find(steady + PAGE_SIZE, &hit) || hit.hw != &hw ||
		    hit.off != BAR_OFF + PAGE_SIZE)
			bad++;
	}
	__atomic_store_n(&reads_left, 0, __ATOMIC_RELEASE);
	return (void *)bad;
}

static void reader_finds_what_is_there_whatever_changes_around(void **state)
{
	struct toy toy = new_toy();
	pthread_t reader;
	void *bad;
	u8 *more[40];
	int fd = toy_open(&toy), i;

	steady = map(fd, 0, 2);
	reads_left = 1;
	pthread_create(&reader, NULL, read_steadily, NULL);
	while (__atomic_load_n(&reads_left, __ATOMIC_ACQUIRE)) {
		for (i = 0; i < 40; i++)
			more[i] = map(fd, i % 8, 3);
		for (i = 0; i < 40; i++)
			unmap(more[i], 3);
	}
	pthread_join(reader, &bad);
	assert_null(bad);
	host_fd_close(fd);
	unmap(steady, 2);
	assert_int_equal(toy.released, 1);
}

/* ---- fork ---- */

static void *map_slowly(void *addr)
{
	struct toy toy = new_toy();
	int fd = toy_open(&toy);

	hw.slow = true;
	assert_ptr_equal(map_at(fd, addr, 2, 1, PROT_READ, MAP_FIXED), addr);
	hw.slow = false;
	host_fd_close(fd);
	assert_int_equal(unmap(addr, 1), 0);
	return NULL;
}

static bool is_there(void *addr)
{
	unsigned char page;

	return !mincore(addr, PAGE_SIZE, &page);
}

/* Else the child would take away what is somebody else's by now, or leave what
 * is the device's. */
static void fork_amid_a_change_finds_it_done_or_not_begun(void **state)
{
	/* A hole between two pages: a sanitizer's memory does not fit there. */
	char *room = mmap(NULL, 3 * PAGE_SIZE, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *addr = room + PAGE_SIZE;
	pthread_t thread;
	int status;
	pid_t pid;

	pthread_atfork(host_vma_before_fork, host_vma_forked,
		       host_vma_after_fork);
	munmap(addr, PAGE_SIZE);
	pthread_create(&thread, NULL, map_slowly, addr);
	while (!smp_load_acquire(&hw.under_way))
		usleep(1000);
	smp_store_release(&hw.forking, true);
	pid = fork();
	/* Not by _exit(): ThreadSanitizer asks there for the parent's threads. */
	if (!pid)
		syscall(SYS_exit_group,
			is_there(addr) != host_vma_is_ours(addr, PAGE_SIZE));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	pthread_join(thread, NULL);
	munmap(room, 3 * PAGE_SIZE);
}

#define vma_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		vma_test(L1_mapping_holds_the_description),
		vma_test(L1_mapping_unmapped_in_pieces_holds_until_the_last),
		vma_test(unmapping_many_at_once_lets_all_go),
		vma_test(fixed_mapping_over_ours_lets_go_what_it_covers),
		vma_test(covering_with_something_else_lets_go),
		vma_test(mmap_that_fails_holds_nothing),
		vma_test(rights_that_cannot_be_given_map_nothing),
		vma_test(mmap_arguments_are_checked_as_the_kernel_does),
		vma_test(pages_get_the_rights_of_their_kind),
		vma_test(bar_without_memory_traps_everywhere),
		vma_test(protecting_a_part_keeps_trapped_pages_trapped),
		vma_test(protecting_beyond_ours_reaches_the_neighbours),
		vma_test(D4_refresh_takes_rights_away_and_gives_them_back),
		vma_test(find_answers_for_every_byte_and_no_other),
		vma_test(stretch_ends_where_ours_begins_or_ends),
		vma_test(moved_mapping_is_found_where_it_went),
		vma_test(shrunk_mapping_ends_earlier),
		vma_test(bad_ranges_are_einval),
		vma_test(any_sequence_is_as_the_model_says),
		vma_test(reader_finds_what_is_there_whatever_changes_around),
		vma_test(fork_amid_a_change_finds_it_done_or_not_begun),
	};

	port_warn_fatal = true;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
