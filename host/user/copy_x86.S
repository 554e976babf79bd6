/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The only instructions of the host that touch memory of the program which may
 * not be there.  None of them uses the stack, so that a fault anywhere between
 * copy_code and copy_code_last can go on at copy_fault, which returns -EFAULT
 * to the caller.
 */
#include <asm/errno.h>

	.text

#define FUNC(name)		\
	.globl name;		\
	.hidden name;		\
	.type name, @function;	\
	.p2align 4;		\
name:				\
	.cfi_startproc;		\
	endbr64

#define FUNC_END(name)		\
	.cfi_endproc;		\
	.size name, . - name

	.globl copy_code, copy_code_last, copy_fault
	.hidden copy_code, copy_code_last, copy_fault
copy_code:

/*
 * int copy_bytes(void *dst, const void *src, size_t len)
 *
 * Up to 64 bytes: two loads of each size that overlap in the middle, all before
 * the first store.  Above: the string instruction.  1, 2, 4 and 8 bytes are one
 * access on each side: the same bytes twice are those that were loaded last.
 */
FUNC(copy_bytes)
	xorl	%eax, %eax
	cmpq	$16, %rdx
	ja	.Lover_16
	cmpl	$8, %edx
	jae	.L8_to_16
	cmpl	$4, %edx
	jae	.L4_to_7
	cmpl	$2, %edx
	jb	.L0_to_1
	movzwl	(%rsi), %ecx
	movzwl	-2(%rsi, %rdx), %r8d
	movw	%cx, (%rdi)
	movw	%r8w, -2(%rdi, %rdx)
	ret
.L0_to_1:
	testl	%edx, %edx
	je	.Ldone
	movzbl	(%rsi), %ecx
	movb	%cl, (%rdi)
.Ldone:
	ret
.L4_to_7:
	movl	(%rsi), %ecx
	movl	-4(%rsi, %rdx), %r8d
	movl	%ecx, (%rdi)
	movl	%r8d, -4(%rdi, %rdx)
	ret
.L8_to_16:
	movq	(%rsi), %rcx
	movq	-8(%rsi, %rdx), %r8
	movq	%rcx, (%rdi)
	movq	%r8, -8(%rdi, %rdx)
	ret
.Lover_16:
	cmpq	$64, %rdx
	ja	.Lover_64
	movdqu	(%rsi), %xmm0
	movdqu	-16(%rsi, %rdx), %xmm1
	cmpl	$32, %edx
	jbe	.Lstore_32
	movdqu	16(%rsi), %xmm2
	movdqu	-32(%rsi, %rdx), %xmm3
	movdqu	%xmm2, 16(%rdi)
	movdqu	%xmm3, -32(%rdi, %rdx)
.Lstore_32:
	movdqu	%xmm0, (%rdi)
	movdqu	%xmm1, -16(%rdi, %rdx)
	ret
.Lover_64:
	movq	%rdx, %rcx
	rep movsb
	ret
FUNC_END(copy_bytes)

/*
 * long copy_string(char *dst, const char *src, size_t size)
 *
 * The length without the end, or -EINVAL when there is none in @size bytes.
 */
FUNC(copy_string)
	xorl	%eax, %eax
.Lnext_char:
	cmpq	%rdx, %rax
	je	.Lno_end
	movzbl	(%rsi, %rax), %ecx
	movb	%cl, (%rdi, %rax)
	testl	%ecx, %ecx
	je	.Lend
	incq	%rax
	jmp	.Lnext_char
.Lno_end:
	movq	$-EINVAL, %rax
.Lend:
	ret
FUNC_END(copy_string)

/*
 * int touch_read(const void *addr, size_t step, size_t nr)
 * int touch_write(void *addr, size_t step, size_t nr)
 *
 * A byte each at addr, addr + step, ...  Writing changes nothing, whatever other
 * threads do to that byte.
 */
FUNC(touch_read)
	xorl	%eax, %eax
.Lnext_read:
	movzbl	(%rdi), %ecx
	addq	%rsi, %rdi
	decq	%rdx
	jne	.Lnext_read
	ret
FUNC_END(touch_read)

FUNC(touch_write)
	xorl	%eax, %eax
.Lnext_write:
	lock orb $0, (%rdi)
	addq	%rsi, %rdi
	decq	%rdx
	jne	.Lnext_write
	ret
FUNC_END(touch_write)

copy_code_last:
	nop

FUNC(copy_fault)
	movq	$-EFAULT, %rax
	ret
FUNC_END(copy_fault)

	.section .note.GNU-stack, "", @progbits
