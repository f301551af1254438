# Cooperative threads: save and restore what a callee keeps, in a struct of eight words.
# long thread_save(long *state): 0 when called, 1 when thread_resume comes back to it
.equ	RBX, 0
.equ	RBP, 8
.equ	R12, 16
.equ	R13, 24
.equ	R14, 32
.equ	R15, 40
.equ	RSP, 48
.equ	RIP, 56

.macro	SAVE_EACH
	movq	%rbx, RBX(%rdi)
	movq	%rbp, RBP(%rdi)
	movq	%r12, R12(%rdi)
	movq	%r13, R13(%rdi)
	movq	%r14, R14(%rdi)
	movq	%r15, R15(%rdi)
.endm

	.text
	.globl	thread_save, thread_resume
thread_save:
	endbr64
	SAVE_EACH
	leaq	8(%rsp), %rax
	movq	%rax, RSP(%rdi)
	movq	(%rsp), %rax
	movq	%rax, RIP(%rdi)
	xorl	%eax, %eax
	ret

# void thread_resume(long *state)
thread_resume:
	endbr64
	movq	RBX(%rdi), %rbx
	movq	RBP(%rdi), %rbp
	movq	R12(%rdi), %r12
	movq	R13(%rdi), %r13
	movq	R14(%rdi), %r14
	movq	R15(%rdi), %r15
	movq	RSP(%rdi), %rsp
	movl	$1, %eax
	jmp	*RIP(%rdi)
