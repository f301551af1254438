/*
 * syscall.S: the system call switch and the calls about the task itself (Linux: arch/x86/entry/syscall_64.c,
 * kernel/sched/syscalls.c, kernel/sys.c, kernel/pid.c).
 *
 *   long x64_sys_call(rdi rsi rdx: arguments, rcx: number)      from do_syscall_64
 *   long __x64_sys_sched_yield(void), void do_sched_yield(void)
 *   long __x64_sys_getpid(void), pid_t __task_pid_nr_ns(task, type, ns), long __x64_sys_ni_syscall(void)
 *
 * Simplified: in Linux every __x64_sys_* takes a pt_regs and unpacks it itself; here arguments stay in registers.
 */
.set __NR_read, 0x0
.set __NR_write, 0x1
.set __NR_close, 0x3
.set __NR_fstat, 0x5
.set __NR_lseek, 0x8
.set __NR_sched_yield, 0x18
.set __NR_nanosleep, 0x23
.set __NR_getpid, 0x27
.set __NR_socket, 0x29
.set __NR_openat, 0x101

/*
 * The compiler makes a tree of compares of Linux's switch; here they stand in a row, the frequent ones first. It begins a
 * cache line, so that a lesson holds whatever is assembled before it: byte 1 of a call from there to a trampoline is
 * fb, bb, 7b or 3b, and behind the 0f of a NOP none of them makes an instruction that does no harm.
 */
.p2align 0x6, 0xcc
SYM_FUNC_START x64_sys_call
	cmpl $__NR_read, %ecx
	je .Lsys_read
	cmpl $__NR_write, %ecx
	je .Lsys_write
	cmpl $__NR_sched_yield, %ecx
	je .Lsys_sched_yield
	cmpl $__NR_getpid, %ecx
	je .Lsys_getpid
	cmpl $__NR_nanosleep, %ecx
	je .Lsys_nanosleep
	cmpl $__NR_lseek, %ecx
	je .Lsys_lseek
	cmpl $__NR_fstat, %ecx
	je .Lsys_fstat
	cmpl $__NR_openat, %ecx
	je .Lsys_openat
	cmpl $__NR_close, %ecx
	je .Lsys_close
	cmpl $__NR_socket, %ecx
	je .Lsys_socket
	call __x64_sys_ni_syscall
	ret
.Lsys_read:
	call __x64_sys_read
	ret
.Lsys_write:
	call __x64_sys_write
	ret
.Lsys_sched_yield:
	call __x64_sys_sched_yield
	ret
.Lsys_getpid:
	call __x64_sys_getpid
	ret
.Lsys_nanosleep:
	call __x64_sys_nanosleep
	ret
.Lsys_lseek:
	call __x64_sys_lseek
	ret
.Lsys_fstat:
	call __x64_sys_newfstat
	ret
.Lsys_openat:
	call __x64_sys_openat
	ret
.Lsys_close:
	call __x64_sys_close
	ret
.Lsys_socket:
	call __x64_sys_socket
	ret
SYM_FUNC_END x64_sys_call

/* -ENOSYS: no such call. No site: arch/x86/entry/common.c is built without (its Makefile, CFLAGS_REMOVE_common.o). */
SYM_FUNC_START_NOTRACE __x64_sys_ni_syscall
	movq $0xffffffffffffffda, %rax
	ret
SYM_FUNC_END __x64_sys_ni_syscall

SYM_FUNC_START __x64_sys_sched_yield
	call do_sched_yield
	xorl %eax, %eax
	ret
SYM_FUNC_END __x64_sys_sched_yield

/*
 * The class makes the caller less urgent under the lock; then somebody is chosen as always. Simplified: the class's
 * yield_task_fair() calls update_rq_clock() in Linux.
 */
SYM_FUNC_START_LOCAL do_sched_yield
	pushq %rbx
	PER_CPU_READ PCPU_SELF, %rbx
	addq $PCPU_RQ, %rbx
	cli
	movq %rbx, %rdi
	xorl %esi, %esi
	call raw_spin_rq_lock_nested
/* Preempted between reading the queue's address and cli? A task stays on its CPU, so it is the same queue. */
	incq RQ_YLD_COUNT(%rbx)
	movq %rbx, %rdi
	call update_rq_clock
	movq %rbx, %rdi
	call yield_task_fair
	movq %rbx, %rdi
	call raw_spin_rq_unlock
	sti
	call schedule
	popq %rbx
	ret
SYM_FUNC_END do_sched_yield

SYM_FUNC_START __x64_sys_getpid
	GET_CURRENT %rdi
	movl $0x1, %esi
	call __task_pid_nr_ns
	cltq
	ret
SYM_FUNC_END __x64_sys_getpid

/*
 * Simplified: one pid namespace, and a task is its own thread group: the type changes nothing. And its site lies across
 * a page, three bytes and two, where Linux would have aligned it to 16.
 */
SYM_FUNC_START_STRADDLE_PAGE __task_pid_nr_ns, 0xffd
	movl TASK_PID(%rdi), %eax
	ret
SYM_FUNC_END __task_pid_nr_ns
