/*
 * locking.S: spinlocks (Linux: kernel/locking/spinlock.c, kernel/locking/qspinlock.c).
 *
 *   void _raw_spin_lock(raw_spinlock_t *lock)                                     rdi
 *   void _raw_spin_unlock(raw_spinlock_t *lock)                                   rdi
 *   unsigned long _raw_spin_lock_irqsave(raw_spinlock_t *lock)                    rdi; rax the flags
 *   void _raw_spin_unlock_irqrestore(raw_spinlock_t *lock, unsigned long flags)   rdi rsi
 *   void _raw_spin_lock_irq(raw_spinlock_t *lock), _raw_spin_unlock_irq           rdi
 *   void queued_spin_lock_slowpath(struct qspinlock *lock, u32 val)               rdi rsi
 *
 * The C wrapper spin_lock() is inline, so a trace shows these names. Lock order: structs.S.
 */

/* Preemption goes off before the lock is tried: a holder that lost its CPU would let the others spin for long. */
SYM_FUNC_START _raw_spin_lock
	PREEMPT_DISABLE
	xorl %eax, %eax
	movl $_Q_LOCKED_VAL, %ecx
	lock cmpxchgl %ecx, (%rdi)
	jne .Lspin_contended
	ret
/* queued_spin_lock() hands the value that it saw to the slow path. */
.Lspin_contended:
	incq %gs:PCPU_LOCK_CONTENDED
	movl %eax, %esi
	call queued_spin_lock_slowpath
	ret
SYM_FUNC_END _raw_spin_lock

SYM_FUNC_START _raw_spin_unlock
	movl $0x0, LOCK_VAL(%rdi)
	PREEMPT_ENABLE spin_unlock
	ret
SYM_FUNC_END _raw_spin_unlock

/* Interrupts stay off while it spins, so what it waits for must be held with interrupts off too. */
SYM_FUNC_START _raw_spin_lock_irqsave
	pushq %rbx
	LOCAL_IRQ_SAVE %rbx
	PREEMPT_DISABLE
	movl $_Q_LOCKED_VAL, %edx
	xorl %eax, %eax
	lock cmpxchgl %edx, LOCK_VAL(%rdi)
	je .Lirqsave_taken
	incq %gs:PCPU_LOCK_CONTENDED
	movl %eax, %esi
	call queued_spin_lock_slowpath
.Lirqsave_taken:
	movq %rbx, %rax
	popq %rbx
	ret
SYM_FUNC_END _raw_spin_lock_irqsave

SYM_FUNC_START _raw_spin_unlock_irqrestore
	movl $0x0, LOCK_VAL(%rdi)
	LOCAL_IRQ_RESTORE %rsi
	PREEMPT_ENABLE spin_unlock_irqrestore
	ret
SYM_FUNC_END _raw_spin_unlock_irqrestore

/* For callers that know that interrupts are on: nothing to save. */
SYM_FUNC_START _raw_spin_lock_irq
	cli
	PREEMPT_DISABLE
	xorl %eax, %eax
	movl $_Q_LOCKED_VAL, %edx
	lock cmpxchgl %edx, LOCK_VAL(%rdi)
	je .Lirq_taken
	incq %gs:PCPU_LOCK_CONTENDED
	movl %eax, %esi
	call queued_spin_lock_slowpath
.Lirq_taken:
	ret
SYM_FUNC_END _raw_spin_lock_irq

SYM_FUNC_START _raw_spin_unlock_irq
	movl $0x0, LOCK_VAL(%rdi)
	sti
	PREEMPT_ENABLE spin_unlock_irq
	ret
SYM_FUNC_END _raw_spin_unlock_irq

/*
 * Waits until the word is 0 and takes it. It reads before it tries, so that waiting does not take the cache line
 * from the holder. Simplified: Linux queues the waiters (MCS nodes), each spins on a word of its own, in order.
 */
SYM_FUNC_START queued_spin_lock_slowpath
	testl %esi, %esi
	je .Lslowpath_try
.Lslowpath_spin:
	pause
	cmpl $0x0, LOCK_VAL(%rdi)
	jne .Lslowpath_spin
.Lslowpath_try:
	xorl %eax, %eax
	movl $_Q_LOCKED_VAL, %edx
	lock cmpxchgl %edx, LOCK_VAL(%rdi)
	jne .Lslowpath_spin
	incq %gs:PCPU_LOCK_SLOWPATH
	ret
SYM_FUNC_END queued_spin_lock_slowpath
