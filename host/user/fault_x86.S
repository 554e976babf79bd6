/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What the handler of fault.c cannot say in C. */
#include <asm/unistd.h>

	.text

/*
 * Where the handler returns to.  Debuggers and unwinders know the end of a
 * signal's frame by these very bytes, when no unwind information covers them;
 * the nop keeps them from looking at what is before.
 */
	.globl fault_return
	.hidden fault_return
	.type fault_return, @function
	nop
	.p2align 4
fault_return:
	movq	$__NR_rt_sigreturn, %rax
	syscall
	.size fault_return, . - fault_return

/* bool call_on_stack(void *sp, bool (*fn)(void *), void *arg) */
	.globl call_on_stack
	.hidden call_on_stack
	.type call_on_stack, @function
	.p2align 4
call_on_stack:
	.cfi_startproc
	endbr64
	pushq	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset rbp, -16
	movq	%rsp, %rbp
	.cfi_def_cfa_register rbp
	movq	%rdi, %rsp
	andq	$-16, %rsp
	movq	%rdx, %rdi
	call	*%rsi
	movq	%rbp, %rsp
	popq	%rbp
	.cfi_def_cfa rsp, 8
	ret
	.cfi_endproc
	.size call_on_stack, . - call_on_stack

	.section .note.GNU-stack, "", @progbits
