/*
 * user_io.S: the user parts that talk to each other (user.S has the macros and the others).
 *
 *   user_make     writes messages into /tmp/fifo, as to its jobs: a number and its complement, 16 bytes in one write
 *   user_sshd     reads them, checks that each is whole, and sums them up
 *   user_rsyslogd writes lines into a page of its own of /tmp/log and reads them back
 */

SYM_FUNC_START_NOTRACE_LOCAL user_make
	USER_START
	xorl %r12d, %r12d
.Lmake_round:
	OPENAT path_fifo, FMODE_WRITE
	EXPECT 0x0, make_open
	incq %r12
	movq %r12, UB_DATA(%r14)
	movq %r12, %rax
	notq %rax
	movq %rax, UB_DATA + 0x8(%r14)
	xorl %edi, %edi
	leaq UB_DATA(%r14), %rsi
	movl $0x10, %edx
	SYSCALL __NR_write
	EXPECT 0x10, make_write
	addq %r12, UB_SUM(%r14)
	SYSCALL __NR_getpid
	movl TASK_PID(%r15), %ecx
	subq %rcx, %rax
	EXPECT 0x0, make_getpid
/* Three sockets: the numbers 1 2 3; a number that is free again is the next one given. rbx the number expected. */
	movl $0x1, %ebx
.Lmake_socket:
	movl $AF_UNIX, %edi
	movl $0x1, %esi
	SYSCALL __NR_socket
	subq %rbx, %rax
	EXPECT 0x0, make_socket
	incl %ebx
	cmpl $0x4, %ebx
	jb .Lmake_socket
	movl $0x2, %edi
	SYSCALL __NR_close
	EXPECT 0x0, make_close
	movl $AF_UNIX, %edi
	SYSCALL __NR_socket
	EXPECT 0x2, make_again
	movl $0x7, %edi
	SYSCALL __NR_socket
	EXPECT EAFNOSUPPORT, make_family
	SYSCALL 0x3e7
	EXPECT 0xffffffffffffffda, make_enosys
	SYSCALL __NR_sched_yield
	EXPECT 0x0, make_yield
.Lmake_close:
	decl %ebx
	movl %ebx, %edi
	SYSCALL __NR_close
	EXPECT 0x0, make_closed
	testl %ebx, %ebx
	jne .Lmake_close
	NANOSLEEP 0x1800000, make_sleep
	jmp .Lmake_round
SYM_FUNC_END user_make

SYM_FUNC_START_NOTRACE_LOCAL user_sshd
	USER_START
	OPENAT path_fifo, FMODE_READ
	EXPECT 0x0, sshd_open
.Lsshd_round:
	movq $0x0, UB_DATA + 0x8(%r14)
	xorl %edi, %edi
	leaq UB_DATA(%r14), %rsi
	movl $0x10, %edx
	SYSCALL __NR_read
	EXPECT 0x10, sshd_read
	movq UB_DATA(%r14), %rax
	addq %rax, UB_SUM(%r14)
	addq UB_DATA + 0x8(%r14), %rax
	EXPECT -0x1, sshd_whole
	xorl %edi, %edi
	xorl %esi, %esi
	xorl %edx, %edx
	SYSCALL __NR_lseek
	EXPECT ESPIPE, sshd_lseek
	movl $AF_INET, %edi
	movl $0x1, %esi
	SYSCALL __NR_socket
	EXPECT 0x1, sshd_inet
	movl $0x1, %edi
	SYSCALL __NR_close
	EXPECT 0x0, sshd_close
	movl $AF_UNIX, %edi
	SYSCALL __NR_socket
	EXPECT EACCES, sshd_unix
	OPENAT path_shadow, FMODE_READ + FMODE_WRITE
	EXPECT EACCES, sshd_shadow
	incq UB_ROUNDS(%r14)
	jmp .Lsshd_round
SYM_FUNC_END user_sshd

/* r12 where its page begins, r13 the number of the line. */
SYM_FUNC_START_NOTRACE_LOCAL user_rsyslogd
	USER_START
	movl TASK_CPU(%r15), %r12d
	andl $0x3, %r12d
	incl %r12d
	shll $FOLIO_SHIFT, %r12d
	xorl %r13d, %r13d
	OPENAT path_log, FMODE_READ + FMODE_WRITE
	EXPECT 0x0, log_open
.Llog_round:
	addq $0x1d, %r13
/* The first page was never written: a hole reads as zeroes. */
	movq $-0x1, UB_DATA(%r14)
	xorl %edi, %edi
	xorl %esi, %esi
	xorl %edx, %edx
	SYSCALL __NR_lseek
	EXPECT 0x0, log_rewind
	xorl %edi, %edi
	leaq UB_DATA(%r14), %rsi
	movl $0x8, %edx
	SYSCALL __NR_read
	EXPECT 0x8, log_hole
	movq UB_DATA(%r14), %rax
	EXPECT 0x0, log_zero
	xorl %edi, %edi
	movq %r12, %rsi
	xorl %edx, %edx
	SYSCALL __NR_lseek
	subq %r12, %rax
	EXPECT 0x0, log_seek
	movq %r13, UB_DATA(%r14)
	movq %r12, UB_DATA + 0x8(%r14)
	movq %r15, UB_DATA + 0x10(%r14)
	xorl %edi, %edi
	leaq UB_DATA(%r14), %rsi
	movl $0x18, %edx
	SYSCALL __NR_write
	EXPECT 0x18, log_write
	movq $0x0, UB_DATA(%r14)
	movq $0x0, UB_DATA + 0x8(%r14)
	movq $0x0, UB_DATA + 0x10(%r14)
/* Back by what was written, from where the write has left the position. */
	xorl %edi, %edi
	movq $-0x18, %rsi
	movl $0x1, %edx
	SYSCALL __NR_lseek
	subq %r12, %rax
	EXPECT 0x0, log_back
	xorl %edi, %edi
	leaq UB_DATA(%r14), %rsi
	movl $0x18, %edx
	SYSCALL __NR_read
	EXPECT 0x18, log_read
	movq UB_DATA(%r14), %rax
	subq %r13, %rax
	EXPECT 0x0, log_line
	movq UB_DATA + 0x8(%r14), %rax
	subq %r12, %rax
	EXPECT 0x0, log_place
	movq UB_DATA + 0x10(%r14), %rax
	subq %r15, %rax
	EXPECT 0x0, log_who
	xorl %edi, %edi
	leaq UB_STAT(%r14), %rsi
	SYSCALL __NR_fstat
	EXPECT 0x0, log_fstat
	movq UB_STAT + KSTAT_SIZE(%r14), %rax
	cmpq %r12, %rax
	ja .Llog_sized
	incq TASK_ERRORS(%r15)
.Llog_sized:
	NANOSLEEP 0x2000000, log_sleep
	jmp .Llog_round
SYM_FUNC_END user_rsyslogd
