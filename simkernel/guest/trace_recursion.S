/*
 * trace_recursion.S: callbacks that call traced functions (Linux: include/linux/trace_recursion.h, and of
 * kernel/trace/ftrace.c ftrace_ops_assist_func).
 *
 * A callback that calls a function which its ops traces comes back into itself. Without an end to that, the stack
 * overflows. So a word of the task holds a bit for each context (normal, softirq, hard interrupt, NMI), set from before
 * a callback until behind it: where it is set already, the callback is not called.
 *
 * An interrupt counts as one only from irq_enter_rcu() on, and that function has a site: there its context still looks
 * like the interrupted one. So that its callback is not left out, there is one bit more, which a second call in the
 * same context takes: the third is the first that returns at once.
 *
 * Who asks: ftrace_ops_assist_func below, and ftrace's list function in trace.S; both take the INTERNAL bits.
 * Simplified: trace_recursion is an unsigned long in Linux; its FTRACE bits are for callbacks that protect themselves,
 * which no callback here has to, and its event and branch bits belong to tracers that are not built.
 */

/*
 * Masks of the bits TRACE_LIST_START (5) + TRACE_CTX_NORMAL (3) and + TRACE_CTX_TRANSITION (4). Below the first are those
 * of a softirq, a hard interrupt and an NMI (TRACE_CTX_NMI: 0).
 */
.set TRACE_INTERNAL_NORMAL, 0x100
.set TRACE_INTERNAL_TRANSITION, 0x200

/* asm/preempt.h. SOFTIRQ_OFFSET: a softirq is being served. */
.set SOFTIRQ_OFFSET, 0x100
.set HARDIRQ_MASK, 0xf0000
.set NMI_MASK, 0xf00000

/* include/linux/ftrace.h: the callback wants RCU to be watching. */
.set FTRACE_OPS_FL_RCU, 0x4000

/*
 * trace_test_and_set_recursion(): `mask`, a register of 32 bits, gets the bit that was free and is set now; none was:
 * to `recursed`. Preemption is off from there on. Changes rax and r8. `tag` is any word used once.
 */
.macro TRACE_TEST_AND_SET_RECURSION tag, mask, recursed
/* interrupt_context_level(): an NMI counts three times, a hard interrupt twice, a softirq once. */
PER_CPU_READ PCPU_PREEMPT_COUNT, %rax
movl $TRACE_INTERNAL_NORMAL, \mask
testl $NMI_MASK + HARDIRQ_MASK + SOFTIRQ_OFFSET, %eax
je .Lrecursion_test_\tag
shrl $0x1, \mask
testl $NMI_MASK + HARDIRQ_MASK, %eax
je .Lrecursion_test_\tag
shrl $0x1, \mask
testl $NMI_MASK, %eax
je .Lrecursion_test_\tag
shrl $0x1, \mask
.Lrecursion_test_\tag:
GET_CURRENT %r8
movl TASK_TRACE_RECURSION(%r8), %eax
testl \mask, %eax
je .Lrecursion_set_\tag
movl $TRACE_INTERNAL_TRANSITION, \mask
testl \mask, %eax
jne \recursed
.Lrecursion_set_\tag:
orl \mask, %eax
movl %eax, TASK_TRACE_RECURSION(%r8)
PREEMPT_DISABLE
.endm

/*
 * trace_clear_recursion(): the bit of `mask` is free again. Changes rax and `mask`. Simplified: in Linux
 * preempt_enable_notrace() gives way to a task that the tick chose meanwhile; here that can wait.
 */
.macro TRACE_CLEAR_RECURSION mask
PREEMPT_ENABLE_NO_RESCHED
GET_CURRENT %rax
notl \mask
andl \mask, TASK_TRACE_RECURSION(%rax)
.endm

/*
 * static void ftrace_ops_assist_func(ip, parent_ip, op, fregs): rdi rsi rdx rcx, as every callback. ftrace puts it
 * between a trampoline and an ops that has asked for RECURSION or RCU (ftrace_ops_get_func). rbx: the bit.
 */
SYM_FUNC_START_NOTRACE_LOCAL ftrace_ops_assist_func
	pushq %rbx
	TRACE_TEST_AND_SET_RECURSION assist, %ebx, .Lassist_out
	testl $FTRACE_OPS_FL_RCU, OPS_FLAGS(%rdx)
	je .Lassist_call
/* It keeps the arguments. */
	call rcu_is_watching
	testl %eax, %eax
	je .Lassist_clear
.Lassist_call:
	call *OPS_FUNC(%rdx)
.Lassist_clear:
	TRACE_CLEAR_RECURSION %ebx
.Lassist_out:
	popq %rbx
	ret
SYM_FUNC_END ftrace_ops_assist_func
