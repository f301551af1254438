/*
 * wait.S: wait queues (Linux: kernel/sched/wait.c). A sleeper's entry lies on its own stack.
 *
 *   long prepare_to_wait_event(wq_head, wq_entry, state), void finish_wait(wq_head, wq_entry)   rdi rsi rdx
 *   void __wake_up_sync_key(wq_head, mode, key), int __wake_up_common(wq_head, mode, nr)        rdi rsi rdx
 *   int autoremove_wake_function(wq_entry, mode, sync, key)                                     rdi rsi rdx
 *
 * Owner of the list and of WAIT_QUEUED: the head's lock (irq safe). Lock order: this one, then pi_lock, then rq->lock.
 */

/* Queued and asleep in one step under the lock, so a waker between this and schedule() finds it. */
SYM_FUNC_START prepare_to_wait_event
	pushq %rbx
	pushq %r12
	pushq %r13
	movq %rdi, %rbx
	movq %rsi, %r12
	movq %rdx, %r13
	call _raw_spin_lock_irqsave
	cmpq $0x0, WAIT_QUEUED(%r12)
	jne .Lprepare_queued
	movq $0x1, WAIT_QUEUED(%r12)
/* At the end: who has waited longest is woken first. */
	leaq WQ_FIRST(%rbx), %rcx
.Lprepare_walk:
	movq (%rcx), %rdx
	testq %rdx, %rdx
	je .Lprepare_last
	leaq WAIT_NEXT(%rdx), %rcx
	jmp .Lprepare_walk
.Lprepare_last:
	movq $0x0, WAIT_NEXT(%r12)
	movq %r12, (%rcx)
.Lprepare_queued:
	GET_CURRENT %rdx
	movq %r13, TASK_STATE(%rdx)
	movq %rbx, %rdi
	movq %rax, %rsi
	call _raw_spin_unlock_irqrestore
	xorl %eax, %eax
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END prepare_to_wait_event

/* The entry is about to leave with the stack frame, so it must not stay on the list. */
SYM_FUNC_START finish_wait
	pushq %rbx
	pushq %r12
	movq %rdi, %rbx
	movq %rsi, %r12
	GET_CURRENT %rax
	movq $TASK_RUNNING, TASK_STATE(%rax)
	cmpq $0x0, WAIT_QUEUED(%r12)
	je .Lfinish_wait_out
	call _raw_spin_lock_irqsave
	movq %rbx, %rdi
	movq %r12, %rsi
	call list_del_wait_entry
	movq %rbx, %rdi
	movq %rax, %rsi
	call _raw_spin_unlock_irqrestore
.Lfinish_wait_out:
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END finish_wait

/* list_del_init(): rdi head, rsi entry; the lock is held. Keeps rax. Simplified: Linux's lists are linked both ways. */
SYM_FUNC_START_NOTRACE_LOCAL list_del_wait_entry
	leaq WQ_FIRST(%rdi), %rcx
.Ldel_wait_walk:
	movq (%rcx), %rdx
	testq %rdx, %rdx
	je .Ldel_wait_out
	cmpq %rsi, %rdx
	je .Ldel_wait_found
	leaq WAIT_NEXT(%rdx), %rcx
	jmp .Ldel_wait_walk
.Ldel_wait_found:
	movq WAIT_NEXT(%rsi), %rdx
	movq %rdx, (%rcx)
	movq $0x0, WAIT_QUEUED(%rsi)
.Ldel_wait_out:
	ret
SYM_FUNC_END list_del_wait_entry

/* One exclusive sleeper is enough: it takes what there is, and wakes the next if there is more. */
SYM_FUNC_START __wake_up_sync_key
	pushq %rbx
	pushq %r12
	pushq %r13
	movq %rdi, %rbx
	movq %rsi, %r13
	call _raw_spin_lock_irqsave
	movq %rax, %r12
	movq %rbx, %rdi
	movq %r13, %rsi
	movl $0x1, %edx
	call __wake_up_common
	movq %rbx, %rdi
	movq %r12, %rsi
	call _raw_spin_unlock_irqrestore
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END __wake_up_sync_key

/* The function may take the entry off the list, so the next one is read before. rax: how many were not needed. */
SYM_FUNC_START_LOCAL __wake_up_common
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %rdi
	movq WQ_FIRST(%rdi), %rbx
	movq %rsi, %r13
	movq %rdx, %r14
.Lwake_common_next:
	testq %rbx, %rbx
	je .Lwake_common_done
	movq WAIT_NEXT(%rbx), %r12
	movq %rbx, %rdi
	movq %r13, %rsi
	movq (%rsp), %rdx
	call *WAIT_FUNC(%rbx)
	movq %r12, %rbx
	testl %eax, %eax
	je .Lwake_common_next
	decq %r14
	jne .Lwake_common_next
.Lwake_common_done:
	movq %r14, %rax
	popq %rdi
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END __wake_up_common

/* Off the list as soon as it is woken: the next wake-up goes to somebody else. rdx: the head (Linux: list_del_init). */
SYM_FUNC_START autoremove_wake_function
	pushq %rdi
	pushq %rdx
	call default_wake_function
	popq %rdi
	popq %rsi
	testl %eax, %eax
	je .Lautoremove_not
	call list_del_wait_entry
.Lautoremove_not:
	ret
SYM_FUNC_END autoremove_wake_function
