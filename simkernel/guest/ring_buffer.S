/*
 * ring_buffer.S: how a tracer's callback writes a record into its CPU's ring buffer (Linux: kernel/trace/ring_buffer.c,
 * tracing_gen_ctx() of kernel/trace/trace.c). Macros, which emit no byte by themselves. A callback is
 *
 *   SYM_FUNC_START_NOTRACE_LOCAL the_callback
 *   	RING_RESERVE tag
 *   	... stores its own fields, from RING_BASE + REC_OWN(%r8,%r9,1) on: 16 bytes at most
 *   	RING_COMMIT tag, TYPE
 *   SYM_FUNC_END the_callback
 *
 * with any word used once for `tag`, and the number of its type of record (simkernel/trace/table.py) for TYPE. ip and
 * parent_ip stay in rdi and rsi; op and fregs do not stay in rdx and rcx, so what is needed of them goes to r10 or r11
 * first. PT_RSP(%rcx) is the stack pointer as the traced function has it.
 *
 * The reader's rules:
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
 */

/* The record of a traced call (kernel/trace/trace.h, whose numbers are others). */
.set TRACE_FN, 0x0

/*
 * Reserves a slot: its address is r8 + r9 from RING_BASE on. For RING_COMMIT, rax holds the traced function's flags (IF), rcx its
 * preempt_count, rdx the lap. Where tracing_on is 0 the callback returns.
 */
.macro RING_RESERVE tag
cmpq $0x0, tracing_on(%rip)
je .Lring_off_\tag
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
jge .Lring_overrun_\tag
.Lring_slot_\tag:
/* edx: the lap in its high half. r8 + r9: this CPU's buffer and the place in it. */
movl %r9d, %edx
shll $0x6, %edx
shll $0x5, %r9d
andl $RING_STRIDE - 0x1, %r9d
imulq $RING_STRIDE, %gs:PCPU_NUMBER, %r8
movl $0x0, RING_BASE + REC_FLAGS(%r8,%r9,1)
.endm

/* Stamps the record, makes it valid and returns; the rare branches stand behind that. Changes rdi. */
.macro RING_COMMIT tag, type
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
jne .Lring_hardirq_\tag
.Lring_flags_\tag:
movw %ax, %dx
orl $REC_VALID + \type * 0x10, %edx
/* The last store makes the record valid. */
movl %edx, RING_BASE + REC_FLAGS(%r8,%r9,1)
PREEMPT_ENABLE_NO_RESCHED
.Lring_off_\tag:
ret
/* Simplified: preempt_enable_notrace() would give way to a task that the tick chose meanwhile; here that can wait. */

.Lring_overrun_\tag:
incq %gs:PCPU_RING_OVERRUN
jmp .Lring_slot_\tag

/* An NMI counts as a hard interrupt too (__nmi_enter), so without that bit there is nothing to look for. */
.Lring_hardirq_\tag:
orb $REC_HARDIRQ, %al
testb $0xf0, %cl
je .Lring_flags_\tag
orb $REC_NMI, %al
jmp .Lring_flags_\tag
.endm

.data
/* 0: callbacks leave no record; sites stay patched (the control file tracing_on). */
SYM_DATA_START_LOCAL tracing_on
	.quad 0x1
SYM_DATA_END tracing_on
.text
