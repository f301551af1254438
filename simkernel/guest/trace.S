/*
 * trace.S: the callbacks (Linux: kernel/trace/trace_functions.c, kernel/trace/ftrace.c).
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
 * function_trace_call: one record for each call, `name <-caller`.
 *
 * Simplified: our tracer writes records from the first call on; in Linux function_trace_call() returns at once until
 * register_ftrace_function() has come back (tr->function_enabled, kernel/trace/trace_functions.c).
 */
SYM_FUNC_START_NOTRACE_LOCAL function_trace_call
	RING_RESERVE function
	movq %rdi, RING_BASE + REC_IP(%r8,%r9,1)
	movq %rsi, RING_BASE + REC_PARENT(%r8,%r9,1)
	RING_COMMIT function, TRACE_FN
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
