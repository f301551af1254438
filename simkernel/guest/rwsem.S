/*
 * rwsem.S: locks that sleep (Linux: kernel/locking/mutex.c, kernel/locking/rwsem.c).
 *
 *   void mutex_lock(struct mutex *), mutex_unlock(struct mutex *)                   rdi: owner word, 0 = free
 *   void __mutex_lock_slowpath(struct mutex *)
 *   void down_read(struct rw_semaphore *), up_read, down_write, up_write            rdi: count word
 *
 * The count of a semaphore: 1 a writer has it, 0x100 for each reader. Taken with preempt_count 0 and IF=1 only.
 * Simplified: who cannot have it lets others run and tries again; Linux queues the waiters and spins on the owner.
 */
.set RWSEM_WRITER_LOCKED, 0x1
.set RWSEM_READER_BIAS, 0x100

/* might_sleep() is a place to be preempted at; then the word goes from nobody to current. */
SYM_FUNC_START mutex_lock
	pushq %rdi
	call __cond_resched
	popq %rdi
	GET_CURRENT %rdx
	xorl %eax, %eax
	lock cmpxchgq %rdx, (%rdi)
	jne .Lmutex_contended
	ret
.Lmutex_contended:
	call __mutex_lock_slowpath
	ret
SYM_FUNC_END mutex_lock

/*
 * It may have been let go meanwhile, so it tries before it waits. Simplified: __mutex_lock_common() calls schedule()
 * through schedule_preempt_disabled() in Linux.
 */
SYM_FUNC_START_LOCAL __mutex_lock_slowpath
	pushq %rbx
	movq %rdi, %rbx
	jmp .Lmutex_try
.Lmutex_wait:
	call schedule
.Lmutex_try:
	GET_CURRENT %rcx
	xorl %eax, %eax
	lock cmpxchgq %rcx, (%rbx)
	jne .Lmutex_wait
	popq %rbx
	ret
SYM_FUNC_END __mutex_lock_slowpath

/* Only its owner may: a wrong owner leaves the mutex locked, which is found soon. */
SYM_FUNC_START mutex_unlock
	GET_CURRENT %rax
	xorl %ecx, %ecx
	lock cmpxchgq %rcx, (%rdi)
	ret
SYM_FUNC_END mutex_unlock

/*
 * A reader counts itself first and looks then; with a writer in the way it takes its count back. Simplified:
 * rwsem_down_read_slowpath() calls schedule() through schedule_preempt_disabled() in Linux.
 */
SYM_FUNC_START down_read
	pushq %rbx
	movq %rdi, %rbx
	call __cond_resched
.Ldown_read_try:
	movl $RWSEM_READER_BIAS, %eax
	lock xaddq %rax, (%rbx)
	testb $RWSEM_WRITER_LOCKED, %al
	je .Ldown_read_taken
	lock subq $RWSEM_READER_BIAS, (%rbx)
	call schedule
	jmp .Ldown_read_try
.Ldown_read_taken:
	popq %rbx
	ret
SYM_FUNC_END down_read

SYM_FUNC_START up_read
	lock subq $RWSEM_READER_BIAS, (%rdi)
	ret
SYM_FUNC_END up_read

/*
 * A writer needs the whole word: no reader, no other writer. Simplified: rwsem_down_write_slowpath() calls schedule()
 * through schedule_preempt_disabled() in Linux.
 */
SYM_FUNC_START down_write
	pushq %rbx
	movq %rdi, %rbx
	call __cond_resched
	jmp .Ldown_write_try
.Ldown_write_wait:
	call schedule
.Ldown_write_try:
	xorl %eax, %eax
	movl $RWSEM_WRITER_LOCKED, %edx
	lock cmpxchgq %rdx, (%rbx)
	jne .Ldown_write_wait
	popq %rbx
	ret
SYM_FUNC_END down_write

SYM_FUNC_START up_write
	lock decq (%rdi)
	ret
SYM_FUNC_END up_write
