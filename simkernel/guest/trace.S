/*
 * trace.S: the callbacks (Linux: kernel/trace/trace_functions.c, kernel/trace/ftrace.c, kernel/trace/ring_buffer.c).
 *
 * A trampoline of ftrace_64.S calls each of them with
 *   rdi ip (the site), rsi parent_ip, rdx op, rcx fregs
 * in the state of the traced function: IF on or off, any preempt_count, also inside an interrupt or an NMI. As C
 * functions they may change rax rcx rdx rsi rdi r8 r9, which every trampoline saves, and r10 and r11, which
 * none keeps for them: nobody has a value there across a call.
 *
 * No recursion: Linux's function_trace_call() asks ftrace_test_recursion_trylock() because what it calls may be traced.
 * The callbacks here call nothing traced, take no lock and touch no unmapped page, so none can begin inside another but
 * by an interrupt, whose callbacks are complete before this one goes on. Others may: see trace_recursion.S.
 *
 * From a site's call to site + 5 through a trampoline of its own: 71 instructions with function_trace_call, 2 more
 * where an unread record is overwritten, 3 more in a hard interrupt, 5 more in an NMI.
 */

/*
 * function_trace_call: one record in this CPU's ring buffer. The reader's rules:
 *
 *   A record's number n is the value of RING_HEAD before it was reserved; its slot is n mod RING_ENTRIES. It is there
 *   once its flags word holds REC_VALID and, in bits 16 to 30, the low bits of n / RING_ENTRIES (the lap): a slot that
 *   still shows the lap before, or 0, is reserved and not yet written. An interrupt may have reserved and finished
 *   n + 1 while n is under way, so time stamps of neighbours may be in the other order.
 *   Events ever = RING_HEAD. With tail = RING_TAIL, the records to read are from max(tail, head - RING_ENTRIES) to
 *   head - 1; n - tail >= RING_ENTRIES means that n overwrote one that nobody had read, and RING_OVERRUN counts it.
 *   So RING_HEAD = (read before) + RING_OVERRUN + (records to read), while no record is under way. The reader moves
 *   RING_TAIL (to RING_HEAD: all is read, or thrown away) only then, so each record is compared with one tail.
 *
 * Preemption is off from the reservation to the end, so that a slot is never half written for long.
 *
 * Simplified: our tracer writes records from the first call on; in Linux function_trace_call() returns at once until
 * register_ftrace_function() has come back (tr->function_enabled, kernel/trace/trace_functions.c).
 */
SYM_FUNC_START_NOTRACE_LOCAL function_trace_call
	cmpq $0x0, tracing_on(%rip)
	je .Ltrace_off
/* What the traced function had: IF (nothing has changed it since) and preempt_count, before ours is added. */
	pushfq
	popq %rax
	PER_CPU_READ PCPU_PREEMPT_COUNT, %rcx
	PREEMPT_DISABLE
/* One instruction reserves, so an NMI before or after it gets a slot of its own. */
	movl $0x1, %r9d
	xaddq %r9, %gs:PCPU_RING_HEAD
	leaq -RING_ENTRIES(%r9), %rdx
	cmpq %gs:PCPU_RING_TAIL, %rdx
	jge .Ltrace_overrun
.Ltrace_slot:
/* edx: the lap in its high half. r8 + r9: this CPU's buffer and the place in it. */
	movl %r9d, %edx
	shll $0x6, %edx
	shll $0x5, %r9d
	andl $RING_STRIDE - 0x1, %r9d
	imulq $RING_STRIDE, %gs:PCPU_NUMBER, %r8
	movl $0x0, RING_BASE + REC_FLAGS(%r8,%r9,1)
	movq %rdi, RING_BASE + REC_IP(%r8,%r9,1)
	movq %rsi, RING_BASE + REC_PARENT(%r8,%r9,1)
/* Reading the clock word moves it on: strictly increasing stamps, without a machine that tells the time. */
	movl $0x1, %edi
	xaddq %rdi, %gs:PCPU_CLOCK
	movq %rdi, RING_BASE + REC_TS(%r8,%r9,1)
	GET_CURRENT %rdi
	movl TASK_PID(%rdi), %edi
	movl %edi, RING_BASE + REC_PID(%r8,%r9,1)
/* The flags word (tracing_gen_ctx): al the bits, ah the preempt depth. */
	testl $X86_EFLAGS_IF, %eax
	sete %al
	movb %cl, %ah
	movl %gs:PCPU_NEED_RESCHED, %edi
	leal (%rax,%rdi,2), %eax
	shrl $0x10, %ecx
	jne .Ltrace_hardirq
.Ltrace_flags:
	movw %ax, %dx
	orl $REC_VALID, %edx
/* The last store makes the record valid. */
	movl %edx, RING_BASE + REC_FLAGS(%r8,%r9,1)
	PREEMPT_ENABLE_NO_RESCHED
.Ltrace_off:
	ret
/* Simplified: preempt_enable_notrace() would give way to a task that the tick chose meanwhile; here that can wait. */

.Ltrace_overrun:
	incq %gs:PCPU_RING_OVERRUN
	jmp .Ltrace_slot

/* An NMI counts as a hard interrupt too (__nmi_enter), so without that bit there is nothing to look for. */
.Ltrace_hardirq:
	orb $REC_HARDIRQ, %al
	testb $0xf0, %cl
	je .Ltrace_flags
	orb $REC_NMI, %al
	jmp .Ltrace_flags
SYM_FUNC_END function_trace_call

/*
 * arch_ftrace_ops_list_func: for sites with more than one ops, and for all sites while an update is under way. It tests
 * each ops' filters itself (ftrace_ops_test), so it is right whatever a site called it for. rbx ip, rbp parent_ip, r12
 * op, r13 fregs, r14 the recursion bit. Preemption is off meanwhile: for that alone, Linux keeps an ops and its hashes.
 * ftrace_ops_list_func is the linker script's second name for it (MCOUNT_REC, vmlinux.lds.h).
 */
SYM_FUNC_START_NOTRACE arch_ftrace_ops_list_func
SYM_INNER_LABEL ftrace_ops_list_func, SYM_L_GLOBAL
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	TRACE_TEST_AND_SET_RECURSION list, %r14d, .Llist_out
	movq %rdi, %rbx
	movq %rsi, %rbp
	movq %rcx, %r13
	movq ftrace_ops_list(%rip), %r12
.Llist_next:
	leaq ftrace_list_end(%rip), %rax
	cmpq %rax, %r12
	je .Llist_end
	testl $FTRACE_OPS_FL_STUB, OPS_FLAGS(%r12)
	jne .Llist_skip
	testl $FTRACE_OPS_FL_RCU, OPS_FLAGS(%r12)
	je .Llist_regs
	call rcu_is_watching
	testl %eax, %eax
	je .Llist_skip
.Llist_regs:
/* An ops that needs all registers cannot run from ftrace_caller, which has only some. */
	testl $FTRACE_OPS_FL_SAVE_REGS, OPS_FLAGS(%r12)
	je .Llist_filter
	cmpq $0x0, PT_CS(%r13)
	je .Llist_skip
/* It matches if its filter is empty or has the site, and its notrace hash is empty or has it not. */
.Llist_filter:
	movq OPS_FILTER_HASH(%r12), %rdi
	testq %rdi, %rdi
	je .Llist_notrace
	cmpq $0x0, HASH_COUNT(%rdi)
	je .Llist_notrace
	movq %rbx, %rsi
	call ftrace_lookup_ip
	testq %rax, %rax
	je .Llist_skip
.Llist_notrace:
	movq OPS_NOTRACE_HASH(%r12), %rdi
	testq %rdi, %rdi
	je .Llist_call
	movq %rbx, %rsi
	call ftrace_lookup_ip
	testq %rax, %rax
	jne .Llist_skip
.Llist_call:
	movq %rbx, %rdi
	movq %rbp, %rsi
	movq %r12, %rdx
	movq %r13, %rcx
	call *OPS_FUNC(%r12)
.Llist_skip:
	movq OPS_NEXT(%r12), %r12
	jmp .Llist_next
.Llist_end:
	TRACE_CLEAR_RECURSION %r14d
.Llist_out:
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret
SYM_FUNC_END arch_ftrace_ops_list_func

/*
 * struct ftrace_func_entry *ftrace_lookup_ip(struct ftrace_hash *hash, unsigned long ip): rdi rsi; rax the entry, or
 * NULL. Simplified: Linux's looks into a hash table, whose entries are links of lists; here the entries are the sorted
 * addresses themselves, and [rcx, rdx) is what a binary search has left of them.
 */
SYM_FUNC_START_NOTRACE ftrace_lookup_ip
	xorl %ecx, %ecx
	movq HASH_COUNT(%rdi), %rdx
.Llookup_again:
	cmpq %rdx, %rcx
	jae .Llookup_missing
	leaq (%rcx,%rdx,1), %rax
	shrq $0x1, %rax
	cmpq HASH_IPS(%rdi,%rax,8), %rsi
	je .Llookup_found
	ja .Llookup_upper
	movq %rax, %rdx
	jmp .Llookup_again
.Llookup_upper:
	leaq 0x1(%rax), %rcx
	jmp .Llookup_again
.Llookup_found:
	leaq HASH_IPS(%rdi,%rax,8), %rax
	ret
.Llookup_missing:
	xorl %eax, %eax
	ret
SYM_FUNC_END ftrace_lookup_ip

/* ftrace_ops_count: a callback that only counts; `lock` because all CPUs count in one word. Not in Linux. */
SYM_FUNC_START_NOTRACE_LOCAL ftrace_ops_count
	lock incq OPS_HITS(%rdx)
	ret
SYM_FUNC_END ftrace_ops_count

.data
/* 0: callbacks leave no record; sites stay patched (the control file tracing_on). */
SYM_DATA_START_LOCAL tracing_on
	.quad 0x1
SYM_DATA_END tracing_on
.text
