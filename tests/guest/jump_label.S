/*
 * jump_label.S: a kernel with jump labels (asm_goto of arch/x86/include/asm/jump_label.h, 6.12): a NOP of two or of five
 * bytes in the middle of a function, which becomes a jump to a label of the same function. Linux's build leaves the
 * NOP to objtool and lists each in __jump_table; here the tests know the names. One NOP has three bytes, as none does
 * in Linux: what text_poke_loc_init() allows of a jump that int3 pads.
 *
 * Each of the functions below returns BRANCH_NO where its site holds the NOP and BRANCH_YES where it jumps. The task
 * asks all of them again and again, and counts any other answer as an error.
 */
.set NR_branches, 0x0
.set BRANCH_NO, 0x1
.set BRANCH_YES, 0x2

/* long x64_sys_call(rdi, rsi, rdx: arguments, rcx: number): 1 where every branch gave one of its two answers. */
SYM_FUNC_START x64_sys_call
	cmpl $NR_branches, %ecx
	je .Lsys_branches
	movq $-0x26, %rax
	ret
.Lsys_branches:
	call branch_inside
	call check_branch
	testl %eax, %eax
	je .Lsys_wrong
	call branch_across
	call check_branch
	testl %eax, %eax
	je .Lsys_wrong
	call branch_wide
	call check_branch
	testl %eax, %eax
	je .Lsys_wrong
	call branch_padded
	call check_branch
.Lsys_wrong:
	ret
SYM_FUNC_END x64_sys_call

/* long check_branch(void): rax is a branch's answer; 1 where it is one of the two. It is traced: a call site. */
SYM_FUNC_START check_branch
	decq %rax
	cmpq $0x2, %rax
	jae .Lcheck_wrong
	movl $0x1, %eax
	ret
.Lcheck_wrong:
	xorl %eax, %eax
	ret
SYM_FUNC_END check_branch

/* Two bytes inside a cache line, and in one aligned word. */
SYM_FUNC_START_NOTRACE branch_inside
	xorl %eax, %eax
HOST_LABEL key_inside
	.byte 0x66, 0x90
	movl $BRANCH_NO, %eax
	ret
HOST_LABEL key_inside_yes
	movl $BRANCH_YES, %eax
	ret
SYM_FUNC_END branch_inside

/* Two bytes across two cache lines. */
SYM_FUNC_START_NOTRACE branch_across
	xorl %eax, %eax
	jmp .Lacross
.p2align 0x6, 0xcc
.fill 0x3f, 0x1, 0xcc
.Lacross:
HOST_LABEL key_across
	.byte 0x66, 0x90
	movl $BRANCH_NO, %eax
	ret
HOST_LABEL key_across_yes
	movl $BRANCH_YES, %eax
	ret
SYM_FUNC_END branch_across

/* Five bytes: where the label is too far for a jump of two. */
SYM_FUNC_START_NOTRACE branch_wide
	xorl %eax, %eax
HOST_LABEL key_wide
	.byte 0x0f, 0x1f, 0x44, 0x00, 0x00
	movl $BRANCH_NO, %eax
	ret
.p2align 0x8, 0xcc
HOST_LABEL key_wide_yes
	movl $BRANCH_YES, %eax
	ret
SYM_FUNC_END branch_wide

/* Three bytes: a jump of two and an int3 behind it. */
SYM_FUNC_START_NOTRACE branch_padded
	xorl %eax, %eax
HOST_LABEL key_padded
	.byte 0x0f, 0x1f, 0x00
	movl $BRANCH_NO, %eax
	ret
HOST_LABEL key_padded_yes
	movl $BRANCH_YES, %eax
	ret
SYM_FUNC_END branch_padded

SYM_FUNC_START_NOTRACE_LOCAL user_branches
	GET_CURRENT %r15
.Luser_again:
	movl $NR_branches, %eax
	call entry_SYSCALL_64
	cmpq $0x1, %rax
	je .Luser_again
	incq TASK_ERRORS(%r15)
	jmp .Luser_again
SYM_FUNC_END user_branches

.data
SYM_DATA_START init_tasks
	.quad 0x2
	.ascii "migration/"
	.fill 0x6, 0x1, 0x0
	.long 0x14, 0xff
	.quad cpu_stopper_thread, 0x0, INIT_KTHREAD
	.ascii "branches/"
	.fill 0x7, 0x1, 0x0
	.long 0x64, 0xff
	.quad user_branches, 0x0, 0x0
SYM_DATA_END init_tasks
