/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * void sim_switch(void **save, void *load)
 *
 * Leaves the running stack, whose pointer goes to @save, and goes on at the one
 * that was left with @load, or was made for sim_task_entry() by engine.c: six
 * registers that a call must keep, and where to return to.
 */
	.text
	.globl sim_switch
	.hidden sim_switch
	.type sim_switch, @function
	.p2align 4
sim_switch:
	.cfi_startproc
	endbr64
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret
	.cfi_endproc
	.size sim_switch, . - sim_switch

	.section .note.GNU-stack, "", @progbits
