/* A trap entry of a 64-bit kernel: save what a call may change, call the handler in C, restore, return. */
	.text
	.globl	trap_entry
	.type	trap_entry, @function
	.align	16
trap_entry:
	cld
	pushq	%rax; pushq %rcx; pushq %rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	leaq	72(%rsp), %rdi		// the frame that the CPU pushed
	call	trap_handler
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%rax
	addq	$8, %rsp		/* the error code */
	iretq
	.size	trap_entry, .-trap_entry

	.globl	trap_handler
	.type	trap_handler, @function
trap_handler:
	incl	traps(%rip)
	ret
	.size	trap_handler, .-trap_handler
	.comm	traps, 4, 4
