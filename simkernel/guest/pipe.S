/*
 * pipe.S: a pipe with a name (Linux: fs/pipe.c).
 *
 *   ssize_t pipe_read(iocb, iter), pipe_write(iocb, iter)          rdi rsi; rax bytes or -errno
 *
 * head and tail count bytes for ever; the buffer is a ring. Owner: pipe->mutex; looking at them without it is only a
 * hint, looked at again under it. Simplified: Linux's ring is of pages; here of 64 bytes, so that a writer waits too.
 */
.set PIPE_MUTEX, 0x0
.set PIPE_HEAD, 0x8
.set PIPE_TAIL, 0x10
.set PIPE_RD_WAIT, 0x18
.set PIPE_WR_WAIT, 0x28
.set PIPE_READERS, 0x38
.set PIPE_WRITERS, 0x40
.set PIPE_FILES, 0x48
.set PIPE_BUF, 0x50
.set PIPE_SIZE, 0x40

/* rbx pipe, r12 iter, r13 bytes read: what is there, but not more than asked; it waits only for the first byte. */
SYM_FUNC_START_LOCAL pipe_read
	pushq %rbx
	pushq %r12
	pushq %r13
	movq KI_FILP(%rdi), %rax
	movq FILE_PRIVATE(%rax), %rbx
	movq %rsi, %r12
	xorl %r13d, %r13d
.Lpipe_read_again:
	movq %rbx, %rdi
	call mutex_lock
.Lpipe_read_byte:
	movq PIPE_TAIL(%rbx), %rcx
	cmpq PIPE_HEAD(%rbx), %rcx
	je .Lpipe_read_empty
	cmpq $0x0, ITER_COUNT(%r12)
	je .Lpipe_read_done
	andl $PIPE_SIZE - 0x1, %ecx
	movb PIPE_BUF(%rbx,%rcx), %al
	movq ITER_UBUF(%r12), %rdx
	movb %al, (%rdx)
	incq ITER_UBUF(%r12)
	decq ITER_COUNT(%r12)
	incq PIPE_TAIL(%rbx)
	incq %r13
	jmp .Lpipe_read_byte
.Lpipe_read_empty:
	testq %r13, %r13
	jne .Lpipe_read_done
	movq %rbx, %rdi
	call mutex_unlock
	movq %rbx, %rdi
	leaq PIPE_RD_WAIT(%rbx), %rsi
	xorl %edx, %edx
	call wait_event_pipe
	jmp .Lpipe_read_again
/* There is room now; and if bytes are left, another reader can have them. */
.Lpipe_read_done:
	movq %rbx, %rdi
	call mutex_unlock
	leaq PIPE_WR_WAIT(%rbx), %rdi
	movl $TASK_INTERRUPTIBLE, %esi
	call __wake_up_sync_key
	movq PIPE_TAIL(%rbx), %rax
	cmpq PIPE_HEAD(%rbx), %rax
	je .Lpipe_read_out
	leaq PIPE_RD_WAIT(%rbx), %rdi
	movl $TASK_INTERRUPTIBLE, %esi
	call __wake_up_sync_key
.Lpipe_read_out:
	movq %r13, %rax
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END pipe_read

/* All or nothing for what fits (PIPE_BUF): messages of several writers do not mix. */
SYM_FUNC_START_LOCAL pipe_write
	pushq %rbx
	pushq %r12
	pushq %r13
	movq KI_FILP(%rdi), %rax
	movq FILE_PRIVATE(%rax), %rbx
	movq %rsi, %r12
	movq ITER_COUNT(%r12), %r13
	movq $EINVAL, %rax
	cmpq $PIPE_SIZE, %r13
	ja .Lpipe_write_out
.Lpipe_write_again:
	movq %rbx, %rdi
	call mutex_lock
	movq PIPE_HEAD(%rbx), %rcx
	movq %rcx, %rdx
	subq PIPE_TAIL(%rbx), %rdx
	addq %r13, %rdx
	cmpq $PIPE_SIZE, %rdx
	ja .Lpipe_write_full
	movq ITER_UBUF(%r12), %rdx
	leaq (%rdx,%r13), %rsi
.Lpipe_write_byte:
	cmpq %rsi, %rdx
	je .Lpipe_write_done
	movb (%rdx), %al
	movq PIPE_HEAD(%rbx), %rcx
	andl $PIPE_SIZE - 0x1, %ecx
	movb %al, PIPE_BUF(%rbx,%rcx)
	incq PIPE_HEAD(%rbx)
	incq %rdx
	jmp .Lpipe_write_byte
.Lpipe_write_full:
	movq %rbx, %rdi
	call mutex_unlock
	movq %rbx, %rdi
	leaq PIPE_WR_WAIT(%rbx), %rsi
	movq %r13, %rdx
	call wait_event_pipe
	jmp .Lpipe_write_again
.Lpipe_write_done:
	movq %rbx, %rdi
	call mutex_unlock
	leaq PIPE_RD_WAIT(%rbx), %rdi
	movl $TASK_INTERRUPTIBLE, %esi
	call __wake_up_sync_key
	movq %r13, %rax
.Lpipe_write_out:
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END pipe_write

/*
 * wait_event_interruptible_exclusive(): rdi pipe, rsi queue, rdx room wanted (0: wait for bytes). A macro in Linux, so
 * no function of its own. Queued first, then it looks, then it sleeps: a wake-up between any two of them is not lost.
 * Simplified: no function in Linux but a macro, wait_event_interruptible_exclusive(): there pipe_read() and
 * pipe_write() themselves call prepare_to_wait_event(), schedule() and finish_wait().
 */
SYM_FUNC_START_NOTRACE_LOCAL wait_event_pipe
	pushq %rbx
	pushq %r12
	pushq %r13
	subq $WAIT_SIZEOF, %rsp
	movq %rdi, %rbx
	movq %rsi, %r12
	movq %rdx, %r13
	GET_CURRENT %rax
	movq %rax, WAIT_TASK(%rsp)
	leaq autoremove_wake_function(%rip), %rax
	movq %rax, WAIT_FUNC(%rsp)
	movq $0x0, WAIT_QUEUED(%rsp)
.Lpipe_wait_again:
	movq %r12, %rdi
	movq %rsp, %rsi
	movl $TASK_INTERRUPTIBLE, %edx
	call prepare_to_wait_event
	movq PIPE_HEAD(%rbx), %rax
	subq PIPE_TAIL(%rbx), %rax
	testq %r13, %r13
	je .Lpipe_wait_bytes
	addq %r13, %rax
	cmpq $PIPE_SIZE, %rax
	jbe .Lpipe_wait_over
	jmp .Lpipe_wait_sleep
.Lpipe_wait_bytes:
	testq %rax, %rax
	jne .Lpipe_wait_over
.Lpipe_wait_sleep:
	call schedule
	jmp .Lpipe_wait_again
.Lpipe_wait_over:
	movq %r12, %rdi
	movq %rsp, %rsi
	call finish_wait
	addq $WAIT_SIZEOF, %rsp
	popq %r13
	popq %r12
	popq %rbx
	ret
SYM_FUNC_END wait_event_pipe
