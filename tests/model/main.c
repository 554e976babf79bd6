/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Random sequences of calls, on the core and on the model: both must answer the
 * same, call by call.
 *
 *   model [-n SEQUENCES] [-s SEED]
 *   model -s SEED -t: tells one
 *
 * Sequences are made by seeds, from SEED on (1; 0: the time), each played in a
 * process that starts with nothing.  One that the two do not agree on is made
 * as short as it gets by leaving out calls, and then told.
 */
#include "play.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LENGTH 90
#define BATCH 100
#define BASE 0x100000ull

static u64 rng;

/* xorshift64* */
static u64 draw(u64 below)
{
	rng ^= rng >> 12;
	rng ^= rng << 25;
	rng ^= rng >> 27;
	return ((rng * 0x2545f4914f6cdd1dull) >> 32) % below;
}

static bool one_in(u64 n)
{
	return !draw(n);
}

/* ---- making a sequence ---- */

static bool pointless;

/* A slot of that kind, nearly always; a call without is not worth its place. */
static u64 slot_of(const struct model *m, enum file_kind kind)
{
	u64 slot = draw(NR_SLOTS);
	unsigned int i;

	if (one_in(20))
		return slot;
	for (i = 0; i < NR_SLOTS; i++, slot = (slot + 1) % NR_SLOTS)
		if (m->slots[slot] != NOTHING &&
		    m->files[m->slots[slot]].kind == kind)
			return slot;
	pointless = true;
	return slot;
}

/* One with groups in it if possible: there is more to ask. */
static u64 container_slot(const struct model *m)
{
	unsigned int i;
	u64 slot = 0;

	for (i = 0; i < 8; i++) {
		slot = slot_of(m, FILE_CONTAINER);
		if (m->slots[slot] != NOTHING &&
		    m->files[m->slots[slot]].kind == FILE_CONTAINER &&
		    m->containers[m->files[m->slots[slot]].object].groups)
			break;
	}
	return slot;
}

static u64 free_slot(const struct model *m)
{
	unsigned int i;

	for (i = 0; i < NR_SLOTS; i++)
		if (m->slots[i] == NOTHING)
			return i;
	return 0;
}

static u64 any_extension(void)
{
	static const u64 extensions[] = {
		VFIO_TYPE1v2_IOMMU,
		VFIO_TYPE1v2_IOMMU,
		VFIO_TYPE1v2_IOMMU,
		VFIO_TYPE1_IOMMU,
		VFIO_TYPE1_IOMMU,
		VFIO_NOIOMMU_IOMMU,
		VFIO_NOIOMMU_IOMMU,
		VFIO_DMA_CC_IOMMU,
		VFIO_UNMAP_ALL,
		VFIO_SPAPR_TCE_IOMMU,
		99,
	};

	return extensions[draw(ARRAY_SIZE(extensions))];
}

static u64 any_iova(void)
{
	static const u64 odd[] = {
		0,	    (1ull << 48) - PAGE_SIZE, 1ull << 48, 0xfee00000,
		0xfedff000, ~0ull - PAGE_SIZE + 1,    BASE + 8,
	};

	if (one_in(12))
		return odd[draw(ARRAY_SIZE(odd))];
	return BASE + draw(6) * PAGE_SIZE;
}

static u64 any_size(void)
{
	static const u64 odd[] = { 0, 12, ~0ull - PAGE_SIZE + 1, 1ull << 62,
				   PAGE_SIZE + 4 };

	if (one_in(15))
		return odd[draw(ARRAY_SIZE(odd))];
	return (1 + draw(3)) * PAGE_SIZE;
}

/* Such that memory beyond what the model knows is not meant. */
static u64 any_page(u64 size)
{
	u64 pages = min(size / PAGE_SIZE, 3ull);

	if (!one_in(10))
		return draw(NR_PAGES - pages + 1);
	return NR_PAGES + 2 - max(pages, 1ull) - draw(2);
}

/* Of a mapping, or any. */
static void any_range(const struct model *m, u64 *arg)
{
	const struct model_map *map;
	int file = m->slots[arg[0]];

	arg[1] = any_iova();
	arg[2] = any_size();
	if (file == NOTHING || m->files[file].kind != FILE_CONTAINER)
		return;
	map = &m->containers[m->files[file].object].maps[draw(ENTRY_LIMIT)];
	if (!map->size || one_in(3))
		return;
	arg[1] = map->iova;
	arg[2] = map->size;
}

static u64 any_bitmap_size(void)
{
	static const u64 odd[] = { 0, 7, BITMAP_MOST + 8, ~0ull };

	return one_in(15) ? odd[draw(ARRAY_SIZE(odd))] : 8 * (1 + draw(2));
}

static u32 any_rights(void)
{
	if (one_in(20))
		return draw(2) * 64;
	return 1 + draw(3);
}

static u64 any_argsz(u64 right)
{
	return one_in(25) ? draw(right) : right + draw(2) * 8;
}

/* They always succeed, and would be most of a sequence. */
static bool is_cheap(enum op_kind kind)
{
	switch (kind) {
	case OPEN_CONTAINER:
	case OPEN_OTHER:
	case DUP:
	case API_VERSION:
	case CHECK_EXTENSION:
	case GET_STATUS:
	case ALLOW_RAWIO:
	case BIND_NATIVE:
	case UNBIND_NATIVE:
		return true;
	default:
		return false;
	}
}

static enum op_kind any_kind(void)
{
	static const u8 often[] = {
		OPEN_CONTAINER,
		OPEN_GROUP,
		OPEN_GROUP,
		OPEN_GROUP,
		SET_CONTAINER,
		SET_CONTAINER,
		SET_CONTAINER,
		SET_IOMMU,
		SET_IOMMU,
		GET_DEVICE_FD,
		GET_DEVICE_FD,
		GET_DEVICE_FD,
		MAP,
		MAP,
		MAP,
		UNMAP,
		DMA,
		DMA,
		PIN,
		LISTEN,
		TRACK_DIRTY,
		GET_DIRTY,
		GET_DIRTY,
		GET_USER,
		SET_KVM,
		LISTEN_GROUP,
		ADD_DEVICE,
		ADD_DEVICE,
		CLOSE,
	};

	return one_in(2) ? often[draw(ARRAY_SIZE(often))] : draw(NR_KINDS);
}

/* The arguments of each kind are listed at enum op_kind. */
static void draw_descriptor_op(const struct model *m, struct op *op)
{
	u64 *arg = op->arg;

	arg[0] = free_slot(m);
	switch (op->kind) {
	case OPEN_GROUP:
		arg[1] = device_groups[draw(NR_DEVICES)];
		arg[2] = (arg[1] == NOIOMMU_ID) ^ one_in(15);
		pointless |= !m->nr_groups;
		break;
	case DUP:
		arg[1] = draw(NR_SLOTS);
		break;
	case CLOSE:
		arg[0] = draw(NR_SLOTS);
		pointless |= m->slots[arg[0]] == NOTHING && !one_in(20);
		break;
	default:
		break;
	}
}

static void draw_group_op(const struct model *m, struct op *op)
{
	u64 *arg = op->arg;

	arg[0] = slot_of(m, FILE_GROUP);
	switch (op->kind) {
	case GET_STATUS:
		arg[1] = any_argsz(sizeof(struct vfio_group_status));
		arg[2] = one_in(15);
		break;
	case SET_CONTAINER:
		arg[1] = one_in(20) ? NR_SLOTS : container_slot(m);
		arg[2] = one_in(20);
		break;
	case GET_DEVICE_FD:
		arg[1] = free_slot(m);
		arg[2] = draw(NR_DEVICES);
		arg[3] = one_in(5) ? draw(NAME_BAD + 1) : NAME_PLAIN;
		break;
	default:
		break;
	}
}

static void draw_container_op(const struct model *m, struct op *op)
{
	u64 *arg = op->arg;

	arg[0] = container_slot(m);
	switch (op->kind) {
	case CHECK_EXTENSION:
	case SET_IOMMU:
		arg[1] = any_extension();
		break;
	case MAP:
		arg[1] = any_iova();
		arg[2] = any_size();
		arg[3] = any_page(arg[2]);
		arg[4] = any_rights();
		arg[5] = any_argsz(sizeof(struct vfio_iommu_type1_dma_map));
		break;
	case UNMAP:
		arg[1] = any_iova();
		arg[2] = any_size();
		arg[3] = one_in(8) ? VFIO_DMA_UNMAP_FLAG_ALL : 0;
		if (arg[3] && !one_in(4))
			arg[1] = arg[2] = 0;
		if (one_in(30))
			arg[3] = 64;
		arg[4] = any_argsz(sizeof(struct vfio_iommu_type1_dma_unmap));
		if (!one_in(4))
			break;
		any_range(m, arg);
		arg[3] = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP;
		arg[4] = any_argsz(sizeof(struct vfio_iommu_type1_dma_unmap) +
				   sizeof(struct vfio_bitmap));
		arg[5] = any_bitmap_size();
		break;
	case TRACK_DIRTY:
		arg[1] = !one_in(4);
		break;
	case GET_DIRTY:
		any_range(m, arg);
		arg[3] = any_bitmap_size();
		arg[4] = one_in(20) ? draw(3) * PAGE_SIZE : PAGE_SIZE;
		arg[5] = any_argsz(
			sizeof(struct vfio_iommu_type1_dirty_bitmap) +
			sizeof(struct vfio_iommu_type1_dirty_bitmap_get));
		break;
	default:
		break;
	}
}

static void draw_driver_op(const struct model *m, struct op *op)
{
	u64 *arg = op->arg;

	arg[0] = draw(NR_DEVICES);
	switch (op->kind) {
	case DMA:
		arg[1] = BASE + draw(7 * PAGE_SIZE);
		arg[2] = 1 + draw(2 * PAGE_SIZE);
		arg[3] = draw(2);
		break;
	case PIN:
	case UNPIN:
		arg[1] = BASE + draw(6) * PAGE_SIZE;
		arg[2] = 1 + draw(3);
		break;
	case GET_USER:
		arg[0] = draw(NR_USERS);
		arg[1] = slot_of(m, FILE_GROUP);
		break;
	case PUT_USER:
	case USER_EXTENSION:
		arg[0] = draw(NR_USERS);
		arg[1] = any_extension();
		break;
	case ALLOW_RAWIO:
		arg[0] = !one_in(4);
		break;
	case LISTEN_GROUP:
		arg[1] = one_in(10) ? draw(4) : VFIO_GROUP_NOTIFY_SET_KVM;
		break;
	case SET_KVM:
		arg[0] = draw(NR_USERS);
		arg[1] = draw(NR_KVMS + 1);
		break;
	default:
		break;
	}
}

static void draw_op(const struct model *m, struct op *op)
{
	memset(op, 0, sizeof(*op));
	op->kind = any_kind();
	pointless = is_cheap(op->kind) && !one_in(5);
	switch (op->kind) {
	case OPEN_CONTAINER:
	case OPEN_GROUP:
	case OPEN_OTHER:
	case DUP:
	case CLOSE:
		draw_descriptor_op(m, op);
		break;
	case GET_STATUS:
	case SET_CONTAINER:
	case UNSET_CONTAINER:
	case GET_DEVICE_FD:
		draw_group_op(m, op);
		break;
	case RESET_DEVICE:
	case READ:
		op->arg[0] = slot_of(m, FILE_DEVICE);
		break;
	case UNKNOWN_IOCTL:
		op->arg[0] = draw(NR_SLOTS);
		break;
	case API_VERSION:
	case CHECK_EXTENSION:
	case SET_IOMMU:
	case MAP:
	case UNMAP:
	case GET_AVAIL:
	case TRACK_DIRTY:
	case GET_DIRTY:
		draw_container_op(m, op);
		break;
	default:
		draw_driver_op(m, op);
	}
}

/* Only the model is asked what may come next.  Of the calls that fail most are
 * not worth their place. */
static void make_sequence(u64 seed, const struct model *start, struct op *ops)
{
	static struct model m, after;
	unsigned int i;

	m = *start;
	m.memory = NULL;
	rng = seed * 0x9e3779b97f4a7c15ull + 1;
	for (i = 0; i < LENGTH;) {
		draw_op(&m, &ops[i]);
		if (pointless || !model_allows(&m, &ops[i]))
			continue;
		after = m;
		if (model_step(&after, &ops[i]).ret < 0 && !one_in(4))
			continue;
		m = after;
		i++;
	}
}

/* ---- playing it ---- */

static void tell(unsigned int nr, const struct op *op, struct answer want,
		 struct answer got)
{
	unsigned int i;

	fprintf(stderr, "  %2u %s", nr, op_names[op->kind]);
	for (i = 0; i < NR_ARGS; i++)
		fprintf(stderr, " %#llx", (unsigned long long)op->arg[i]);
	fprintf(stderr, " = %ld", got.ret);
	if (got.out)
		fprintf(stderr, ", %#llx", (unsigned long long)got.out);
	if (want.ret != got.ret || want.out != got.out)
		fprintf(stderr, "; the model says %ld, %#llx", want.ret,
			(unsigned long long)want.out);
	fprintf(stderr, "\n");
}

/* Without the calls that are left out; true when all answers were the model's. */
static bool agree(u64 seed, const bool *out, bool telling)
{
	static struct op ops[LENGTH];
	static u8 memory[NR_PAGES * PAGE_SIZE];
	static struct model m;
	struct answer want, got;
	unsigned int i;

	play_begin(&m, seed);
	memset(memory, 0, sizeof(memory));
	m.memory = memory;
	make_sequence(seed, &m, ops);
	for (i = 0; i < LENGTH; i++) {
		if (out[i] || !model_allows(&m, &ops[i]))
			continue;
		got = play(&m, &ops[i]);
		want = model_step(&m, &ops[i]);
		if (telling)
			tell(i, &ops[i], want, got);
		if (want.ret != got.ret || want.out != got.out)
			return false;
	}
	if (!play_memory_is(m.memory)) {
		if (telling)
			fprintf(stderr,
				"  the memory is not what was written\n");
		return false;
	}
	play_end(&m);
	return true;
}

/* ---- in processes that start with nothing ---- */

/* Which seed a process is at. */
static volatile u64 *at_seed;

static bool is_well(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       !WEXITSTATUS(status);
}

static bool agree_apart(u64 seed, const bool *out, bool telling)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (!telling && !freopen("/dev/null", "w", stderr))
			_exit(2);
		_exit(!agree(seed, out, telling));
	}
	return is_well(pid);
}

static bool play_batch(u64 first, u64 nr)
{
	static const bool none[LENGTH];
	pid_t pid;
	u64 seed;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		for (seed = first; seed < first + nr; seed++) {
			*at_seed = seed;
			if (!agree(seed, none, false))
				_exit(1);
		}
		_exit(0);
	}
	return is_well(pid);
}

/* Leaves out ever smaller pieces as long as the two go on to disagree. */
static void shorten(u64 seed, bool *out)
{
	bool tried[LENGTH];
	unsigned int size, at;

	for (size = LENGTH / 2; size; size /= 2) {
		for (at = 0; at < LENGTH; at += size) {
			memcpy(tried, out, sizeof(tried));
			memset(tried + at, true, min(size, LENGTH - at));
			if (!agree_apart(seed, tried, false))
				memcpy(out, tried, sizeof(tried));
		}
	}
}

static void report(u64 seed)
{
	bool out[LENGTH] = { false };

	if (agree_apart(seed, out, false))
		fprintf(stderr, "seed %llu fails only after others\n",
			(unsigned long long)seed);
	else
		shorten(seed, out);
	fprintf(stderr,
		"bug in the model's or the core's answers, seed %llu:\n",
		(unsigned long long)seed);
	agree_apart(seed, out, true);
}

int main(int argc, char **argv)
{
	static const bool none[LENGTH];
	u64 first = 1, nr = 1, seed;
	bool story = false;
	int opt;

	while ((opt = getopt(argc, argv, "n:s:t")) != -1) {
		if (opt == 't')
			story = true;
		else if (opt == 'n')
			nr = strtoull(optarg, NULL, 0);
		else if (opt == 's')
			first = strtoull(optarg, NULL, 0) ?: (u64)time(NULL);
		else
			return 2;
	}
	if (story)
		return !agree(first, none, true);
	at_seed = mmap(NULL, sizeof(*at_seed), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (at_seed == MAP_FAILED)
		abort();
	printf("1..1\n# %llu sequences of %u calls, from seed %llu\n",
	       (unsigned long long)nr, LENGTH, (unsigned long long)first);
	for (seed = first; seed < first + nr; seed += BATCH) {
		if (play_batch(seed, min(first + nr - seed, (u64)BATCH)))
			continue;
		report(*at_seed);
		printf("not ok 1 - every_answer_is_the_models\n");
		return 1;
	}
	printf("ok 1 - every_answer_is_the_models\n");
	return 0;
}
