/*
 * user.S: what the tasks do: their user parts. Each is a loop of system calls that looks at every result; a wrong one
 * is counted in TASK_ERRORS, which must stay 0 whatever is traced or patched meanwhile.
 *
 *   void user_cat(void), user_make(void), user_sshd(void), user_rsyslogd(void), user_walker(void)   never return
 *
 * Simplified: in Linux these are programs of their own in ring 3. Here they are text of the kernel without sites, as
 * user programs have none. r15 the task, r14 its memory (UB_), in every part.
 */
.set UB_DATA, 0x0
.set UB_STAT, 0x100
.set UB_TIME, 0x180
.set UB_ROUNDS, 0x1c0
.set UB_SUM, 0x1c8

/* A system call: SYSCALL in Linux, whose number is in rax too. */
.macro SYSCALL nr
movl $\nr, %eax
call entry_SYSCALL_64
.endm

/* The result has to be this value. `tag` is any word used once. */
.macro EXPECT value, tag
cmpq $\value, %rax
je .Lexpect_\tag
incq TASK_ERRORS(%r15)
.Lexpect_\tag:
.endm

.macro USER_START
GET_CURRENT %r15
movq %r15, %r14
subq $TASKS_BASE, %r14
addq %r14, %r14
addq $USER_BASE, %r14
.endm

.macro OPENAT name, flags
movq $-0x64, %rdi
leaq \name(%rip), %rsi
movl $\flags, %edx
SYSCALL __NR_openat
.endm

/*
 * nanosleep(), the longer the more CPUs there are: the simulated clock goes on with the instructions of every one.
 * The timespec is written anew each time, for it lies in memory that anybody could use.
 */
.macro NANOSLEEP ns, tag
movq $0x0, UB_TIME(%r14)
imulq $\ns, nr_cpu_ids(%rip), %rax
movq %rax, UB_TIME + 0x8(%r14)
leaq UB_TIME(%r14), %rdi
SYSCALL __NR_nanosleep
EXPECT 0x0, \tag
incq UB_ROUNDS(%r14)
.endm

/* Reads /etc/passwd to its end and compares every byte; is refused what its profile does not allow. */
SYM_FUNC_START_NOTRACE_LOCAL user_cat
	USER_START
.Lcat_round:
	OPENAT path_passwd, FMODE_READ
	EXPECT 0x0, cat_open
	OPENAT path_shadow, FMODE_READ
	EXPECT EACCES, cat_shadow
	OPENAT path_nothing, FMODE_READ
	EXPECT ENOENT, cat_nothing
	xorl %edi, %edi
	leaq UB_STAT(%r14), %rsi
	SYSCALL __NR_fstat
	EXPECT 0x0, cat_fstat
	movq UB_STAT + KSTAT_SIZE(%r14), %rax
	EXPECT PASSWD_SIZE, cat_size
	movq UB_STAT + KSTAT_INO(%r14), %rax
	EXPECT PASSWD_INO, cat_ino
	movq UB_STAT + KSTAT_MODE(%r14), %rax
	EXPECT 0x81a4, cat_mode
	movq UB_STAT + KSTAT_BLOCKS(%r14), %rax
	EXPECT 0x1, cat_blocks
/* Pieces of 80 bytes, so that some lie in two folios. r12 the place in the text, r13 what came, rbx the word. */
	leaq passwd_text(%rip), %r12
.Lcat_read:
	xorl %edi, %edi
	leaq UB_DATA(%r14), %rsi
	movl $0x50, %edx
	SYSCALL __NR_read
	movq %rax, %r13
	testq %rax, %rax
	jle .Lcat_eof
	EXPECT 0x50, cat_read
	xorl %ebx, %ebx
.Lcat_compare:
	movq (%r12,%rbx), %rax
	subq UB_DATA(%r14,%rbx), %rax
	EXPECT 0x0, cat_byte
	movq $0x0, UB_DATA(%r14,%rbx)
	addq $0x8, %rbx
	cmpq $0x50, %rbx
	jb .Lcat_compare
	addq %r13, %r12
	addq %r13, UB_SUM(%r14)
	leaq passwd_text + PASSWD_SIZE(%rip), %rax
	cmpq %rax, %r12
	jbe .Lcat_read
	incq TASK_ERRORS(%r15)
.Lcat_eof:
	leaq passwd_text(%rip), %rax
	subq %rax, %r12
	movq %r12, %rax
	EXPECT PASSWD_SIZE, cat_all
	xorl %edi, %edi
	movq $-0x10, %rsi
	movl $0x2, %edx
	SYSCALL __NR_lseek
	EXPECT PASSWD_SIZE - 0x10, cat_lseek
	xorl %edi, %edi
	leaq UB_DATA(%r14), %rsi
	movl $0x50, %edx
	SYSCALL __NR_read
	EXPECT 0x10, cat_tail
	xorl %edi, %edi
	SYSCALL __NR_write
	EXPECT EBADF, cat_write
	movl $AF_INET, %edi
	movl $0x1, %esi
	SYSCALL __NR_socket
	EXPECT EACCES, cat_socket
	xorl %edi, %edi
	SYSCALL __NR_close
	EXPECT 0x0, cat_close
	xorl %edi, %edi
	SYSCALL __NR_close
	EXPECT EBADF, cat_closed
	NANOSLEEP 0x2000000, cat_sleep
	jmp .Lcat_round
SYM_FUNC_END user_cat

/* Calls the roots of a synthetic kernel, a few a round; without one, it only gives way to others. */
SYM_FUNC_START_NOTRACE_LOCAL user_walker
	USER_START
	xorl %r12d, %r12d
.Lwalker_round:
	movl $0x4, %ebx
.Lwalker_root:
	cmpq $0x0, synth_roots_count(%rip)
	je .Lwalker_idle
	cmpq synth_roots_count(%rip), %r12
	jb .Lwalker_call
	xorl %r12d, %r12d
.Lwalker_call:
	movq synth_roots(%rip), %rax
	movq (%rax,%r12,0x8), %rax
	movq $0x0, TASK_IN_USER(%r15)
	call *%rax
	movq $0x1, TASK_IN_USER(%r15)
	incq UB_SUM(%r14)
	incq %r12
	decl %ebx
	jne .Lwalker_root
	SYSCALL __NR_sched_yield
	EXPECT 0x0, walker_yield
	incq UB_ROUNDS(%r14)
	jmp .Lwalker_round
.Lwalker_idle:
	SYSCALL __NR_sched_yield
	EXPECT 0x0, walker_idle
	SYSCALL __NR_getpid
	movl TASK_PID(%r15), %ecx
	subq %rcx, %rax
	EXPECT 0x0, walker_pid
	NANOSLEEP 0x2000000, walker_sleep
	jmp .Lwalker_round
SYM_FUNC_END user_walker
