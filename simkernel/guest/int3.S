/*
 * int3.S: who answers an int3 (Linux: exc_int3 in arch/x86/kernel/traps.c, poke_int3_handler in
 * arch/x86/kernel/alternative.c [smp_text_poke_int3_handler since 6.16]).
 *
 *   void exc_int3(struct pt_regs *regs)          rdi; from asm_exc_int3, IF=0, six free words above the frame
 *   int poke_int3_handler(struct pt_regs *regs)  rdi; eax 1 if the int3 belonged to the batch and has been answered
 *
 * It must not call anything that could hold an int3 itself: no site here, nothing traced called, nothing of the trap
 * is told to anybody before the answer. What it does is what the *new* instruction will do, in one step.
 */

/* Simplified: kgdb, kprobes and notify_die would be asked before it is fatal. */
SYM_FUNC_START_NOTRACE exc_int3
	pushq %rdi
	call poke_int3_handler
	popq %rdi
	testl %eax, %eax
	je .Lint3_unclaimed
	ret
.Lint3_unclaimed:
	movl $VECTOR_BP, %esi
	xorl %edx, %edx
	jmp die
SYM_FUNC_END exc_int3

/*
 * r8 ip of the int3, r9 base of what is left to search, rcx how many. All registers are saved in regs. The reads of the
 * batch come after the reference (x86 keeps loads in order; Linux has smp_rmb and the ordering of inc_not_zero).
 */
SYM_FUNC_START_NOTRACE poke_int3_handler
/* A user's int3 is none of ours. */
	testb $0x3, PT_CS(%rdi)
	jne .Lpoke_not_ours
/*
 * try_get_desc(): raw_atomic_inc_not_zero(&bp_desc.refs). 0 means that no batch is published, and 0 has to stay:
 * the patching task waits for it before it uses the vector again.
 */
	movl bp_desc + DESC_REFS(%rip), %eax
.Lpoke_get:
	testl %eax, %eax
	je .Lpoke_not_ours
	leal 0x1(%rax), %edx
	lock cmpxchgl %edx, bp_desc + DESC_REFS(%rip)
	jne .Lpoke_get

	movq PT_RIP(%rdi), %r8
	decq %r8
	movq bp_desc + DESC_VEC(%rip), %r9
	movslq bp_desc + DESC_NR_ENTRIES(%rip), %rcx
/* One entry: compare. More: search (__inline_bsearch over tp_vec, which is sorted by address). */
	cmpq $0x1, %rcx
	jne .Lpoke_search
	movslq TP_REL_ADDR(%r9), %rdx
	addq $TEXT_BASE, %rdx
	cmpq %rdx, %r8
	je .Lpoke_found
	jmp .Lpoke_put_not_ours
.Lpoke_search:
	testq %rcx, %rcx
	je .Lpoke_put_not_ours
/* rsi = the middle entry: base + count / 2. */
	movq %rcx, %rsi
	shrq $0x1, %rsi
	shlq $0x4, %rsi
	addq %r9, %rsi
	movslq TP_REL_ADDR(%rsi), %rdx
	addq $TEXT_BASE, %rdx
	cmpq %rdx, %r8
	je .Lpoke_found_middle
	jb .Lpoke_halve
/* Above the middle: the upper half begins behind it. */
	leaq TP_LOC_SIZE(%rsi), %r9
	decq %rcx
.Lpoke_halve:
	shrq $0x1, %rcx
	jmp .Lpoke_search
.Lpoke_found_middle:
	movq %rsi, %r9

/* r9 = the entry. rdx = the place behind the instruction, from where its displacement counts. */
.Lpoke_found:
HOST_LABEL poke_int3_found
	movzbl TP_LEN(%r9), %edx
	addq %r8, %rdx
/* Simplified: int3_skip_mode is not in Linux: with 1 this handler does what that of 2012 to 2019 did. */
	cmpq $0x0, int3_skip_mode(%rip)
	jne .Lpoke_resume
	movslq TP_DISP(%r9), %rsi
	movzbl TP_OPCODE(%r9), %eax
	cmpl $0xe8, %eax
	je .Lpoke_call
	cmpl $0xe9, %eax
	je .Lpoke_jmp
	cmpl $0xeb, %eax
	je .Lpoke_jmp
	cmpl $0xc3, %eax
	je .Lpoke_ret
/* The new instruction is an int3: somebody else's. Simplified: Linux emulates Jcc too, and BUGs on anything else. */
	jmp .Lpoke_put_not_ours

/* int3_emulate_call(): the return address goes on the interrupted stack, into the gap. */
.Lpoke_call:
	movq PT_RSP(%rdi), %rcx
	subq $0x8, %rcx
	movq %rcx, PT_RSP(%rdi)
	leaq 0x5(%r8), %rax
	movq %rax, (%rcx)
/* int3_emulate_jmp(); a NOP is stored as a jump by 0 (text_poke_loc_init). */
.Lpoke_jmp:
	addq %rsi, %rdx
/* Also int3_skip_mode, as ftrace_int3_handler() did from 2012 to 2019: whatever was there or comes, go on behind it. */
.Lpoke_resume:
	movq %rdx, PT_RIP(%rdi)
	jmp .Lpoke_put
/* int3_emulate_ret(): the address comes off the interrupted stack. */
.Lpoke_ret:
	movq PT_RSP(%rdi), %rcx
	movq (%rcx), %rdx
	addq $0x8, %rcx
	movq %rcx, PT_RSP(%rdi)
	jmp .Lpoke_resume

/* put_desc(): after this, the entry may be gone. */
.Lpoke_put:
	lock decl bp_desc + DESC_REFS(%rip)
	movl $0x1, %eax
	ret
.Lpoke_put_not_ours:
	lock decl bp_desc + DESC_REFS(%rip)
.Lpoke_not_ours:
	xorl %eax, %eax
	ret
SYM_FUNC_END poke_int3_handler

.bss
/* struct bp_patching_desc: vec, nr_entries, refs. Owner: the patching task, under text_mutex; handlers move refs. */
SYM_DATA_START_LOCAL bp_desc
	.quad 0x0
	.long 0x0
	.long 0x0
SYM_DATA_END bp_desc

/* 0: emulate the new instruction (today). 1: skip the site. Written by the patching task while no handler is running. */
SYM_DATA_START_LOCAL int3_skip_mode
	.quad 0x0
SYM_DATA_END int3_skip_mode

.data
/* Held by the patching task while it changes text (kernel/extable.c). Guest code may wait for it. */
SYM_DATA_START text_mutex
	.quad 0x0
SYM_DATA_END text_mutex
.text
