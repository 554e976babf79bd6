/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A count of references: 0 is final, and rather than wrap it stays at a value
 * it never leaves, so that a bug leaks and does not free what is in use.
 */
#ifndef ANYVFIO_HOST_REFCOUNT_H
#define ANYVFIO_HOST_REFCOUNT_H

#define REFCOUNT_SATURATED (INT32_MIN / 2)

/* Where the simulation lets another task run. */
#ifndef REFCOUNT_POINT
#define REFCOUNT_POINT() ((void)0)
#endif

typedef struct {
	int refs;
} refcount_t;

/* Reports @what and leaves the count saturated (refcount.c). */
void refcount_broken(refcount_t *ref, const char *what);

static inline void refcount_set(refcount_t *ref, int n)
{
	__atomic_store_n(&ref->refs, n, __ATOMIC_RELAXED);
}

static inline unsigned int refcount_read(const refcount_t *ref)
{
	return __atomic_load_n(&ref->refs, __ATOMIC_RELAXED);
}

static inline void refcount_inc(refcount_t *ref)
{
	int old;

	REFCOUNT_POINT();
	old = __atomic_fetch_add(&ref->refs, 1, __ATOMIC_RELAXED);
	if (unlikely(old <= 0 || old == INT32_MAX))
		refcount_broken(ref, old ? "refcount_inc() beyond the last"
					 : "refcount_inc() from 0");
}

static inline bool __must_check refcount_inc_not_zero(refcount_t *ref)
{
	int old;

	REFCOUNT_POINT();
	old = __atomic_load_n(&ref->refs, __ATOMIC_RELAXED);
	do {
		if (!old)
			return false;
	} while (!__atomic_compare_exchange_n(
		&ref->refs, &old, (int)((unsigned int)old + 1), true,
		__ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	if (unlikely(old < 0 || old == INT32_MAX))
		refcount_broken(ref, "refcount_inc_not_zero() beyond the last");
	return true;
}

/* True for the last one: all that the others did is then visible. */
static inline bool __must_check refcount_dec_and_test(refcount_t *ref)
{
	int old;

	REFCOUNT_POINT();
	old = __atomic_fetch_sub(&ref->refs, 1, __ATOMIC_ACQ_REL);
	if (unlikely(old <= 0))
		refcount_broken(ref, "refcount_dec_and_test() below 0");
	REFCOUNT_POINT();
	return old == 1;
}

#endif /* ANYVFIO_HOST_REFCOUNT_H */
