	.file	"sum.c"
	.text
	.p2align 4
	.globl	gcc_sum
	.type	gcc_sum, @function
gcc_sum:
.LFB0:
	.cfi_startproc
	addq	$1, calls(%rip)
	testq	%rdi, %rdi
	jle	.L4
	xorl	%eax, %eax
	xorl	%edx, %edx
	.p2align 4,,10
	.p2align 3
.L3:
	movq	%rax, %rcx
	addq	$1, %rax
	andl	$3, %ecx
	addq	table(,%rcx,8), %rdx
	cmpq	%rax, %rdi
	jne	.L3
	movq	%rdx, %rax
	ret
	.p2align 4,,10
	.p2align 3
.L4:
	xorl	%edx, %edx
	movq	%rdx, %rax
	ret
	.cfi_endproc
.LFE0:
	.size	gcc_sum, .-gcc_sum
	.section	.text.unlikely,"ax",@progbits
.LCOLDB0:
	.text
.LHOTB0:
	.p2align 4
	.globl	gcc_kind
	.type	gcc_kind, @function
gcc_kind:
.LFB1:
	.cfi_startproc
	cmpl	$5, %edi
	ja	.L16
	movl	%edi, %edi
	jmp	*.L10(,%rdi,8)
	.section	.rodata
	.align 8
	.align 4
.L10:
	.quad	.L15
	.quad	.L14
	.quad	.L13
	.quad	.L12
	.quad	.L11
	.quad	.L9
	.text
	.p2align 4,,10
	.p2align 3
.L15:
	movl	$115, %eax
	ret
	.p2align 4,,10
	.p2align 3
.L14:
	movq	calls(%rip), %rax
	ret
	.p2align 4,,10
	.p2align 3
.L13:
	movq	table+8(%rip), %rax
	addq	table(%rip), %rax
	addq	table+16(%rip), %rax
	addq	$1, calls(%rip)
	addq	$1, %rax
	ret
	.p2align 4,,10
	.p2align 3
.L12:
	movq	table(%rip), %rax
	leaq	-1(%rax), %rdx
	movq	%rdx, table(%rip)
	ret
	.p2align 4,,10
	.p2align 3
.L11:
	movq	table+8(%rip), %rax
	leaq	(%rax,%rax,2), %rax
	ret
	.p2align 4,,10
	.p2align 3
.L9:
	movq	calls(%rip), %rcx
	movl	$5, %eax
	sall	%cl, %eax
	ret
	.cfi_endproc
	.section	.text.unlikely
	.cfi_startproc
	.type	gcc_kind.cold, @function
gcc_kind.cold:
.LFSB1:
.L16:
	movq	$-22, %rax
	ret
	.cfi_endproc
.LFE1:
	.text
	.size	gcc_kind, .-gcc_kind
	.section	.text.unlikely
	.size	gcc_kind.cold, .-gcc_kind.cold
.LCOLDE0:
	.text
.LHOTE0:
	.globl	name
	.section	.rodata
	.type	name, @object
	.size	name, 4
name:
	.string	"sum"
	.local	calls
	.comm	calls,8,8
	.data
	.align 32
	.type	table, @object
	.size	table, 32
table:
	.quad	10
	.quad	20
	.quad	30
	.quad	40
	.ident	"GCC: (Debian 12.2.0-14+deb12u1) 12.2.0"
	.section	.note.GNU-stack,"",@progbits
