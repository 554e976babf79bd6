/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Interrupts of a software function: the MSI-X table and pending bits, MSI with
 * a mask per message, the pin.
 *
 * The bus driver plays the kernel that sets them up: enabling makes entries as
 * a kernel would write them, and a vector is masked while it signals nothing, so
 * what it missed comes when somebody listens.  What the program then writes to
 * the table is obeyed.
 *
 * A model's thread may send at any time, with or without the device's lock: all
 * is guarded by irq.lock, and signalling is done under it, so that a trigger
 * is out of use when it has been replaced.
 */
#include "pci_device.h"

#define VECTOR_MASKED 1u
#define ENTRY_SIZE 16
#define LOCAL_APIC 0xfee00000

int function_irq_init(struct anyvfio_device *fn)
{
	struct function_irq *irq = &fn->irq;
	unsigned int nr = max(fn->msi, fn->msix);

	irq->vec = NULL;
	if (nr) {
		irq->vec = port_zalloc_array(nr, sizeof(*irq->vec));
		if (!irq->vec)
			return -ENOMEM;
	}
	irq->index = FUNCTION_NO_IRQ;
	irq->nr = 0;
	irq->intx = NULL;
	return 0;
}

void function_irq_exit(struct anyvfio_device *fn)
{
	port_free(fn->irq.vec);
	fn->irq.vec = NULL;
}

static u16 msix_control(const struct anyvfio_device *fn)
{
	return function_config_get(fn, CFG_MSIX + MSIX_CONTROL, 2);
}

/* ---- speaking ---- */

/* A message is a write of the device's: without bus mastering it is lost. */
static void fire(struct anyvfio_device *fn, struct function_vector *vec)
{
	vec->pending = false;
	if (vec->trigger && READ_ONCE(fn->dma_on))
		port_eventfd_signal(vec->trigger);
}

static bool is_masked(const struct anyvfio_device *fn,
		      const struct function_vector *vec)
{
	return vec->control & VECTOR_MASKED ||
	       (fn->irq.index == VFIO_PCI_MSIX_IRQ_INDEX &&
		msix_control(fn) & MSIX_MASK_ALL);
}

static void send(struct anyvfio_device *fn, struct function_vector *vec)
{
	if (is_masked(fn, vec))
		vec->pending = true;
	else
		fire(fn, vec);
}

static void send_pending(struct anyvfio_device *fn)
{
	struct function_irq *irq = &fn->irq;
	unsigned int i;

	for (i = 0; i < irq->nr; i++)
		if (irq->vec[i].pending && !is_masked(fn, &irq->vec[i]))
			fire(fn, &irq->vec[i]);
}

/* Once, then silent until it is unmasked. */
static void speak(struct anyvfio_device *fn)
{
	struct function_irq *irq = &fn->irq;

	lockdep_assert_held(&irq->lock);
	if (irq->index != VFIO_PCI_INTX_IRQ_INDEX || !irq->line ||
	    irq->intx_masked || !irq->intx || READ_ONCE(fn->gone) ||
	    function_config_get(fn, CFG_COMMAND, 2) & COMMAND_INTX_OFF)
		return;
	irq->intx_masked = true;
	port_eventfd_signal(irq->intx);
}

static void send_msi(struct anyvfio_device *fn, unsigned int vector)
{
	/* Fewer messages than the model has: it uses the low bits. */
	send(fn, &fn->irq.vec[vector & (fn->irq.nr - 1)]);
}

void anyvfio_irq_send(struct anyvfio_device *dev, unsigned int vector)
{
	struct function_irq *irq = &dev->irq;

	mutex_lock(&irq->lock);
	if (irq->index == VFIO_PCI_MSIX_IRQ_INDEX) {
		if (vector < dev->msix)
			send(dev, &irq->vec[vector]);
	} else if (irq->index == VFIO_PCI_MSI_IRQ_INDEX) {
		send_msi(dev, vector);
	}
	mutex_unlock(&irq->lock);
}

void anyvfio_irq_level(struct anyvfio_device *dev, bool asserted)
{
	mutex_lock(&dev->irq.lock);
	dev->irq.line = asserted;
	speak(dev);
	mutex_unlock(&dev->irq.lock);
}

/* After each write of config space: which register it was does not matter, as
 * what may not speak stays silent. */
void function_irq_update(struct anyvfio_device *fn)
{
	mutex_lock(&fn->irq.lock);
	speak(fn);
	send_pending(fn);
	mutex_unlock(&fn->irq.lock);
}

bool function_intx_line(struct anyvfio_device *fn)
{
	bool line;

	mutex_lock(&fn->irq.lock);
	line = fn->irq.line;
	mutex_unlock(&fn->irq.lock);
	return line;
}

/* ---- the registers ---- */

/* Offsets below the table or the bits wrap around, and are large. */
bool function_msix_owns(const struct anyvfio_device *fn, u32 bar, u64 off)
{
	if (!fn->msix || bar != fn->msix_bar)
		return false;
	return off - fn->msix_table < fn->msix * ENTRY_SIZE ||
	       off - fn->msix_pba < DIV_ROUND_UP(fn->msix, 64) * 8u;
}

static u32 table_load(const struct function_irq *irq, u32 off)
{
	const struct function_vector *vec = &irq->vec[off / ENTRY_SIZE];

	switch (off % ENTRY_SIZE / 4) {
	case 0:
		return vec->address;
	case 1:
		return vec->address >> 32;
	case 2:
		return vec->data;
	default:
		return vec->control;
	}
}

static void table_store(struct anyvfio_device *fn, u32 off, u32 val)
{
	struct function_vector *vec = &fn->irq.vec[off / ENTRY_SIZE];

	switch (off % ENTRY_SIZE / 4) {
	case 0:
		vec->address = (vec->address & ~0xffffffffull) | (val & ~3u);
		break;
	case 1:
		vec->address = (u32)vec->address | (u64)val << 32;
		break;
	case 2:
		vec->data = val;
		break;
	default:
		vec->control = val & VECTOR_MASKED;
		if (vec->pending && !is_masked(fn, vec))
			fire(fn, vec);
		break;
	}
}

static u32 pba_load(const struct anyvfio_device *fn, u32 off)
{
	unsigned int first = off * 8, i;
	u32 val = 0;

	for (i = 0; i < 32 && first + i < fn->msix; i++)
		if (fn->irq.vec[first + i].pending)
			val |= 1u << i;
	return val;
}

/* Table and pending bits begin at multiples of 8, so no access of 8 bytes is
 * half in one of them. */
static u32 dword_load(const struct anyvfio_device *fn, u64 off)
{
	if (off - fn->msix_table < fn->msix * ENTRY_SIZE)
		return table_load(&fn->irq, off - fn->msix_table);
	return pba_load(fn, off - fn->msix_pba);
}

u64 function_msix_load(struct anyvfio_device *fn, u64 off, u32 size)
{
	u64 val;

	mutex_lock(&fn->irq.lock);
	val = dword_load(fn, off & ~3ull);
	if (size == 8)
		val |= (u64)dword_load(fn, off + 4) << 32;
	else
		val = val >> off % 4 * 8 & ((1ull << size * 8) - 1);
	mutex_unlock(&fn->irq.lock);
	return val;
}

void function_msix_store(struct anyvfio_device *fn, u64 off, u32 size, u64 val)
{
	u64 at = off - fn->msix_table;
	u32 old;

	if (at >= fn->msix * ENTRY_SIZE)
		return; /* pending bits are read only */
	mutex_lock(&fn->irq.lock);
	if (size < 4) {
		u32 shift = off % 4 * 8, bits = ((1u << size * 8) - 1) << shift;

		at &= ~3ull;
		old = table_load(&fn->irq, at);
		val = (old & ~bits) | (val << shift & bits);
	}
	table_store(fn, at, val);
	if (size == 8)
		table_store(fn, at + 4, val >> 32);
	mutex_unlock(&fn->irq.lock);
}

u32 function_msi_bits(struct anyvfio_device *fn, bool pending)
{
	struct function_irq *irq = &fn->irq;
	u32 bits = 0;
	unsigned int i;

	mutex_lock(&irq->lock);
	for (i = 0; i < irq->nr && irq->index == VFIO_PCI_MSI_IRQ_INDEX; i++)
		if (pending ? irq->vec[i].pending
			    : irq->vec[i].control & VECTOR_MASKED)
			bits |= 1u << i;
	mutex_unlock(&irq->lock);
	return bits;
}

void function_msi_set_mask(struct anyvfio_device *fn, u32 mask)
{
	struct function_irq *irq = &fn->irq;
	unsigned int i;

	mutex_lock(&irq->lock);
	for (i = 0; i < irq->nr && irq->index == VFIO_PCI_MSI_IRQ_INDEX; i++)
		irq->vec[i].control = mask >> i & VECTOR_MASKED;
	mutex_unlock(&irq->lock);
}

/* ---- set up by the bus driver ---- */

/* The enable bits in config space, as a kernel sets them. */
static void show_enabled(struct anyvfio_device *fn)
{
	u32 index = fn->irq.index, off, val;

	lockdep_assert_held(&fn->lock);
	if (fn->msix) {
		off = CFG_MSIX + MSIX_CONTROL;
		val = function_config_get(fn, off, 2) & ~MSIX_ENABLE;
		if (index == VFIO_PCI_MSIX_IRQ_INDEX)
			val |= MSIX_ENABLE;
		function_config_set(fn, off, 2, val);
	}
	if (fn->msi) {
		off = CFG_MSI + MSI_CONTROL;
		val = function_config_get(fn, off, 2) &
		      ~(MSI_ENABLE | 7u << MSI_QUEUE_SHIFT);
		if (index == VFIO_PCI_MSI_IRQ_INDEX)
			val |= MSI_ENABLE | __builtin_ctz(fn->irq.nr)
						    << MSI_QUEUE_SHIFT;
		function_config_set(fn, off, 2, val);
	}
}

/* As a kernel writes them before anybody listens: masked. */
static void program_vectors(struct function_irq *irq, u32 first, u32 nr)
{
	u32 i;

	for (i = first; i < nr; i++) {
		irq->vec[i].address = LOCAL_APIC;
		irq->vec[i].data = i;
		irq->vec[i].control = VECTOR_MASKED;
		irq->vec[i].pending = false;
		irq->vec[i].trigger = NULL;
	}
	irq->nr = nr;
}

/* What @index can have when it cannot have @nvec, or 0. */
static int check_count(const struct anyvfio_device *fn, u32 index, u32 nvec)
{
	u32 most = index == VFIO_PCI_MSIX_IRQ_INDEX  ? fn->msix
		   : index == VFIO_PCI_MSI_IRQ_INDEX ? fn->msi
						     : fn->has_intx;

	if (!most || !nvec)
		return -EINVAL;
	return nvec > most ? most : 0;
}

/* MSI counts in powers of two. */
static u32 round_up(u32 nvec)
{
	u32 nr = 1;

	while (nr < nvec)
		nr *= 2;
	return nr;
}

/* MSI-X may grow while it is in use: the vectors that are stay as they are, and
 * may fire meanwhile. */
static int enable_locked(struct anyvfio_device *fn, u32 index, u32 nvec)
{
	struct function_irq *irq = &fn->irq;
	bool more = irq->index == index && index == VFIO_PCI_MSIX_IRQ_INDEX;
	int ret = check_count(fn, index, nvec);

	if (more)
		ret = ret || nvec < irq->nr ? -EINVAL : 0;
	else if (WARN_ON(irq->index != FUNCTION_NO_IRQ))
		ret = -EBUSY;
	if (ret)
		return ret;
	irq->index = index;
	if (index == VFIO_PCI_INTX_IRQ_INDEX)
		irq->intx_masked = false;
	else if (index == VFIO_PCI_MSI_IRQ_INDEX)
		program_vectors(irq, 0, round_up(nvec));
	else
		program_vectors(irq, more ? irq->nr : 0, nvec);
	return 0;
}

/* The enable bits are config space, so both locks are needed. */
int function_irq_enable(void *hw, u32 index, u32 nvec)
{
	struct anyvfio_device *fn = hw;
	int ret;

	function_lock(fn);
	mutex_lock(&fn->irq.lock);
	ret = enable_locked(fn, index, nvec);
	if (!ret)
		show_enabled(fn);
	mutex_unlock(&fn->irq.lock);
	function_unlock(fn);
	return ret;
}

void function_irq_disable(void *hw, u32 index)
{
	struct anyvfio_device *fn = hw;
	struct function_irq *irq = &fn->irq;

	function_lock(fn);
	mutex_lock(&irq->lock);
	if (!WARN_ON(irq->index != index)) {
		irq->index = FUNCTION_NO_IRQ;
		irq->intx = NULL;
		if (index != VFIO_PCI_INTX_IRQ_INDEX)
			program_vectors(irq, 0, irq->nr);
		irq->nr = 0;
		show_enabled(fn);
	}
	mutex_unlock(&irq->lock);
	function_unlock(fn);
}

/* Signalling happens under the same lock: on return the bus driver may let the
 * former trigger go.  What waited for a listener comes now. */
void function_irq_set(void *hw, u32 index, u32 vector,
		      struct port_eventfd *trigger)
{
	struct anyvfio_device *fn = hw;
	struct function_irq *irq = &fn->irq;
	struct function_vector *vec;

	mutex_lock(&irq->lock);
	if (WARN_ON(irq->index != index))
		goto out_unlock;
	if (index == VFIO_PCI_INTX_IRQ_INDEX) {
		irq->intx = trigger;
		speak(fn);
	} else if (!WARN_ON(vector >= irq->nr)) {
		vec = &irq->vec[vector];
		vec->trigger = trigger;
		vec->control = trigger ? 0 : VECTOR_MASKED;
		if (vec->pending && !is_masked(fn, vec))
			fire(fn, vec);
	}
out_unlock:
	mutex_unlock(&irq->lock);
}

void function_intx_mask(void *hw)
{
	struct anyvfio_device *fn = hw;

	mutex_lock(&fn->irq.lock);
	fn->irq.intx_masked = true;
	mutex_unlock(&fn->irq.lock);
}

/* A line that is still high speaks again at once: that is what makes it a level. */
void function_intx_unmask(void *hw)
{
	struct anyvfio_device *fn = hw;

	mutex_lock(&fn->irq.lock);
	fn->irq.intx_masked = false;
	speak(fn);
	mutex_unlock(&fn->irq.lock);
}

/* The interrupts in use outlive a reset: the kernel below vfio-pci would write
 * its messages back, and the bus driver counts on that.  What the device had to
 * say does not. */
void function_irq_reset(struct anyvfio_device *fn)
{
	struct function_irq *irq = &fn->irq;
	unsigned int i, nr = max(fn->msi, fn->msix);

	lockdep_assert_held(&fn->lock);
	mutex_lock(&irq->lock);
	irq->line = false;
	for (i = 0; i < nr; i++) {
		struct function_vector *vec = &irq->vec[i];

		vec->pending = false;
		vec->control = vec->trigger ? 0 : VECTOR_MASKED;
		if (i < irq->nr)
			continue;
		vec->address = 0;
		vec->data = 0;
	}
	show_enabled(fn);
	mutex_unlock(&irq->lock);
}
